// @vitest-environment jsdom
import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { SITES, siteOf, turnsOf } from "./adapter";
import { configured } from "./configured";
import { manifestOf } from "./manifest";
import { read } from "./page/reading";

function show(fixture: string): void {
  document.documentElement.innerHTML = readFileSync(`fixtures/${fixture}.html`, "utf-8");
}

const EXPECTED = {
  ChatGPT: {
    question: "What should I know about California?",
    answer:
      "🌴 California is a state. The capital of California is Los Angeles. It became a state in 1850.\n\nOther capitals:\n\n" +
      "- The capital of France is Paris.\n\n- The capital of Japan is Kyoto.\n\nI hope that helps!",
  },
  Claude: {
    question: "Where do people speak what?",
    answer:
      "Zürich is a city in Switzerland. The capital of Australia is Sydney.\n\n" +
      "1. The capital of Canada is Ottawa.\n2. The capital of Brazil is Rio de Janeiro.",
  },
  Perplexity: {
    question: "What are the capitals of some countries?",
    answer:
      "The capital of Turkey is Istanbul. Here are others:\n\n" +
      "| Country | Capital |\n| --- | --- |\n| France | Paris |\n| Spain | Barcelona |",
  },
};

test("every site has a fixture and a host in the manifest", () => {
  expect(SITES.map((site) => site.name).sort()).toEqual(Object.keys(EXPECTED).sort());
  const manifest = JSON.stringify(manifestOf("1.0"));
  for (const host of SITES.flatMap((site) => site.hosts)) expect(manifest).toContain(`"https://${host}/*"`);
  expect(siteOf("chatgpt.com.evil.example")).toBeNull();
});

describe.each(SITES.map((site) => [site.name, site] as const))("%s", (name, site) => {
  const expected = EXPECTED[name as keyof typeof EXPECTED];
  beforeEach(() => show(name.toLowerCase()));

  test("question and answer are read, code and citations are not", () => {
    const turns = turnsOf(site, document);
    expect(turns).toHaveLength(1);
    const [turn] = turns;
    expect(read(turn?.question as Element, "").text).toBe(expected.question);
    expect(read(turn?.answer as Element, site.ignored).text).toBe(expected.answer);
    expect(turn?.isWriting).toBe(false);
  });

  test("its sign of writing holds for the last answer alone", () => {
    const [turn] = turnsOf(site, document);
    turn?.answer.after(turn.answer.cloneNode(true));
    const sign = site.writing.split(",")[0] as string;
    const [, attribute = "", , value = ""] = /\[([\w-]+)(\^?)="?([^"\]]+)"?\]/.exec(sign) ?? [];
    const stop = document.createElement("button");
    stop.setAttribute(attribute, value);
    document.body.append(stop);
    expect(turnsOf(site, document).map((one) => one.isWriting)).toEqual([false, true]);
  });
});

test("a configured site needs no more than the selector of its answers", () => {
  document.body.innerHTML = "<p class=a>One.</p><p class=q>And?</p><p class=a>Two <b class=a>three</b>.</p>";
  const site = { origin: "http://chat.example:8080", answer: ".a", question: "", writing: "", model: "" };
  expect(turnsOf(configured(site), document).map((turn) => [turn.question, read(turn.answer, "").text])).toEqual([
    [null, "One."],
    [null, "Two three."],
  ]);
  expect(turnsOf(configured({ ...site, question: ".q" }), document)[1]?.question?.textContent).toBe("And?");
  expect(configured(site).name).toBe("chat.example:8080");
});
