import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { digestOf, keyOf } from "./pair";
import { readLink } from "./settings";

test("the digest is of the whole pair", async () => {
  const pair = { question: "東京?", answer: "🇯🇵", model: null };
  expect(await digestOf(pair)).toBe(createHash("sha256").update('["東京?","🇯🇵",null]').digest("hex"));
  const others = [
    { ...pair, question: "" },
    { ...pair, answer: `${"x".repeat(5000)}a` },
    { ...pair, answer: `${"x".repeat(5000)}b` },
    { ...pair, model: "m" },
    { question: '東京?","', answer: "🇯🇵", model: null },
  ];
  expect(new Set(await Promise.all([pair, ...others].map(digestOf))).size).toBe(6);
  expect(keyOf({ question: "a", answer: "b c", model: null })).not.toBe(keyOf({ question: "a b", answer: "c", model: null }));
});

test("address and token are found in what the server prints", () => {
  expect(readLink("The page:  http://127.0.0.1:8000/#token=ab%2Dc_1")).toEqual({ address: "http://127.0.0.1:8000", token: "ab-c_1" });
  expect(readLink("The API:   http://localhost:80/v1   with the key k-1_, which cannot edit")).toEqual({
    address: "http://localhost:80",
    token: "k-1_",
  });
  const foreign = ["http://evil.example/#token=a", "http://127.0.0.1.evil.example/#token=a", "http://localhostx/#token=a"];
  for (const text of [...foreign, "", "http://127.0.0.1:8000", "http://localhost/#token=%"]) expect(readLink(text)).toBeNull();
});
