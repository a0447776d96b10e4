import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { asCurl, asPython, modelAt, type Recipe } from "./reproduce";

const NASTY = "It's \"so\" $HOME `id` \\ \n😀 </script>";
const RECIPE: Recipe = {
  origin: "http://127.0.0.1:8000",
  model: "smollm2-135m",
  answer: { revision: "0123456789ab", seed: 7, settings: { temperature: 0.5, top_p: null, stop: ["\n\n", "'"] } },
  defaults: { temperature: 0, top_p: 1, max_tokens: 512 },
  messages: [{ role: "system", content: "Be brief." }, { role: "user", content: NASTY }],
};
const EXPECTED = { model: "smollm2-135m:rev-0123456789ab", messages: RECIPE.messages, temperature: 0.5, top_p: 1, max_tokens: 512, stop: ["\n\n", "'"], seed: 7 };

describe("the commands that give an answer again", () => {
  it("name the model at the answer's own revision", () => {
    expect(modelAt("m", "original")).toBe("m:original");
    expect(modelAt("m", "0123456789ab")).toBe("m:rev-0123456789ab");
  });

  it("survive a shell", () => {
    const script = `curl() { while [ $# -gt 0 ]; do if [ "$1" = -d ]; then printf %s "$2"; fi; shift; done; }\n${asCurl(RECIPE)}`;
    expect(JSON.parse(execFileSync("bash", ["-c", script], { encoding: "utf8" }))).toEqual(EXPECTED);
  });

  it("survive Python", () => {
    const call = asPython(RECIPE).split("create(")[1]?.split("\n)\nprint")[0] ?? "";
    const program = `import json\nprint(json.dumps(dict(${call}\n)))`;
    expect(JSON.parse(execFileSync("python3", ["-c", program], { encoding: "utf8" }))).toEqual(EXPECTED);
  });
});
