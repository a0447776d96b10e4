/** Commands that give an answer again through the OpenAI-compatible API, pinned to its revision, seed and settings. */

import type { Answer, Model } from "../api/types";

export interface Recipe {
  origin: string;
  model: string;
  answer: Pick<Answer, "revision" | "settings" | "seed">;
  /** What the page's server takes where an answer says nothing; the API would take others. */
  defaults: Omit<Model["defaults"], "system">;
  messages: { role: string; content: string }[];
}

/** The model's id at the revision that the answer was given at. */
export function modelAt(model: string, revision: string): string {
  return revision === "original" ? `${model}:original` : `${model}:rev-${revision}`;
}

function body({ model, answer, defaults: { temperature, top_p, max_tokens }, messages }: Recipe): Record<string, unknown> {
  const settings = Object.entries({ ...answer.settings, seed: answer.seed ?? answer.settings.seed });
  const set = settings.filter(([, value]) => value !== null && value !== undefined && !(Array.isArray(value) && !value.length));
  return { model: modelAt(model, answer.revision), messages, temperature, top_p, max_tokens, ...Object.fromEntries(set) };
}

/** A shell command. */
export function asCurl(recipe: Recipe): string {
  const json = JSON.stringify(body(recipe), null, 2).replaceAll("'", "'\\''");
  return [
    `curl ${recipe.origin}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer $EMENDO_TOKEN" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d '${json}'`,
  ].join("\n");
}

/** A program with the `openai` package. */
export function asPython(recipe: Recipe): string {
  const lines = Object.entries(body(recipe)).map(([name, value]) => `    ${name}=${literal(value, 4)},`);
  return [
    "import os",
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url="${recipe.origin}/v1", api_key=os.environ["EMENDO_TOKEN"])`,
    "answer = client.chat.completions.create(",
    ...lines,
    ")",
    "print(answer.choices[0].message.content)",
  ].join("\n");
}

/** A JSON value as Python writes it; the page's values are texts, numbers, lists and mappings. */
function literal(value: unknown, indent: number): string {
  if (!Array.isArray(value)) return JSON.stringify(value);
  const pad = " ".repeat(indent + 4);
  return `[\n${value.map((item) => `${pad}${JSON.stringify(item)},`).join("\n")}\n${" ".repeat(indent)}]`;
}
