/** Light, dark, or as the system has it; kept in this browser. */

export type Theme = "system" | "light" | "dark";

export function currentTheme(): Theme {
  return (document.documentElement.dataset.theme ?? "system") as Theme;
}

export function chooseTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("emendo.theme", theme);
}
