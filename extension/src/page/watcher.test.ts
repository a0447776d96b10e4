// @vitest-environment jsdom
import { beforeEach, expect, test } from "vitest";
import { configured } from "../configured";
import { Watcher } from "./watcher";

const ADAPTER = configured({ origin: "http://chat.example", answer: ".a", question: ".q", writing: ".stop", model: "" });
let watcher: Watcher;

beforeEach(() => {
  document.body.innerHTML = "<main></main>";
  watcher = new Watcher(ADAPTER, null, () => undefined);
});

function add(className: string, text: string): Element {
  const made = document.createElement("div");
  made.className = className;
  made.textContent = text;
  document.querySelector("main")?.append(made);
  return made;
}

const states = (now: number) => watcher.scan(now).map(({ pair, isFinished, isOld }) => [pair.answer, isFinished, isOld]);

test("an answer is finished when the sign is gone and its text has stayed for a while, and not before", () => {
  add("q", "Who?");
  add("stop", "");
  const answer = add("a", "Ada");
  expect(states(0)).toEqual([["Ada", false, false]]);
  expect(states(5000)).toEqual([["Ada", false, false]]);
  document.querySelector(".stop")?.remove();
  expect(states(5001)).toEqual([["Ada", true, false]]);
  // Changed again, as an answer that is given anew.
  answer.remove();
  add("a", "Ada Lovelace");
  expect(states(6000)[0]?.[1]).toBe(false);
  expect(states(7400)[0]?.[1]).toBe(false);
  expect(states(7500)[0]?.[1]).toBe(true);
});

test("what stood there is old, what comes one by one afterwards is new", () => {
  add("a", "One.");
  add("a", "Two.");
  expect(states(0).map((state) => state[2])).toEqual([true, true]);
  expect(states(2000).map((state) => state[1])).toEqual([true, true]);
  add("a", "Three.");
  expect(states(3000)[2]).toEqual(["Three.", false, false]);
  // Several at once are a history that is loaded late.
  add("a", "Four.");
  add("a", "Five.");
  expect(states(6000).map((state) => state[2])).toEqual([true, true, false, true, true]);
});

test("an empty answer is never finished", () => {
  add("a", " ");
  expect(states(0)).toEqual([["", false, true]]);
  expect(states(90_000)).toEqual([["", false, true]]);
});
