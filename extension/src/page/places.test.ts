// @vitest-environment jsdom
import { expect, test } from "vitest";
import { placeOf, rangesOf } from "./places";
import { type Drawn, read } from "./reading";

function draw(html: string, ignored = ""): Drawn {
  document.body.innerHTML = `<article>${html}</article>`;
  return read(document.querySelector("article") as Element, ignored);
}

function find(words: string, drawn: Drawn, sent = drawn.text): { stage: string | undefined; text: string } {
  const start = sent.indexOf(words);
  const place = placeOf({ start, end: start + words.length }, sent, drawn);
  return { stage: place?.stage, text: place ? rangesOf(place, drawn).map(String).join("") : "" };
}

const MULTIBYTE = "<p>🇺🇸👩‍👩‍👧 Zürich, 東京 and <b>São</b> <i>Paulo</i> — the capital of Japan is 京都.</p>";

test("every character of the text is where it was read, whatever its length", () => {
  const drawn = draw(MULTIBYTE);
  for (const { node, from, at, length } of drawn.pieces) {
    expect(node.data.slice(from, from + length).replace(/\s/, " ")).toBe(drawn.text.slice(at, at + length));
  }
  for (const words of ["🇺🇸👩‍👩‍👧", "東京", "São Paulo", "the capital of Japan is 京都."]) {
    expect(find(words, drawn)).toEqual({ stage: "offsets", text: words });
  }
});

test("what is no text stays out of a claim that runs across it", () => {
  const drawn = draw("<p>The capital<a class=c>7</a> of <button>copy</button>Spain is\n   Barcelona.</p>", ".c");
  expect(drawn.text).toBe("The capital of Spain is Barcelona.");
  const found = find("capital of Spain is Barcelona", drawn);
  // The line break within is a space to a reader.
  expect(found.text.replace(/\s+/g, " ")).toBe("capital of Spain is Barcelona");
});

test("a phrase that moved is found, the nearest of several", () => {
  const sent = "Ulm is old. Ulm is old. Bonn is young.";
  const drawn = draw(`<p>A new line before. ${sent}</p>`);
  const second = sent.lastIndexOf("Ulm is old.");
  const place = placeOf({ start: second, end: second + 11 }, sent, drawn);
  expect(place?.stage).toBe("phrase");
  expect(place?.start).toBe(drawn.text.indexOf("Ulm is old."));
  expect(find("Bonn is young.", drawn, sent)).toEqual({ stage: "phrase", text: "Bonn is young." });
});

test("letters are found whatever white space, case, accents and marks became of them", () => {
  const drawn = draw("<p>So: the capital of&nbsp;&nbsp;Türkiye — is <b>“ISTANBUL”</b>, they say.</p>");
  const found = find("the capital of Turkiye is Istanbul", drawn, "the capital of Turkiye is Istanbul.");
  expect(found.stage).toBe("letters");
  expect(found.text.replace(/\s+/g, " ")).toBe("the capital of Türkiye — is “ISTANBUL");
});

test("at last the block with most of the words, and nothing where few are shared", () => {
  const drawn = draw("<ul><li>Peru lies in America.</li><li>Kyoto is the old capital of Japan.</li></ul>");
  expect(find("The capital of Japan is Kyoto.", drawn, "The capital of Japan is Kyoto.")).toEqual({
    stage: "block",
    text: expect.stringContaining("Kyoto"),
  });
  expect(find("Mercury is a planet.", drawn, "Mercury is a planet.").stage).toBeUndefined();
});

test("halves of characters are replaced, and nothing moves", () => {
  const drawn = draw("<p></p>");
  document.querySelector("p")?.append("a\ud800b is here");
  const again = read(document.querySelector("article") as Element, "");
  expect(again.text).toBe("a\ufffdb is here");
  expect(drawn.text).toBe("");
  expect(find("is here", again).text).toBe("is here");
});

test("lines are kept where the page keeps them", () => {
  expect(draw('<div style="white-space: pre-wrap">one\n\n- two\n- three</div>').text).toBe("one\n\n- two\n- three");
  expect(draw("<p>one\n two</p>three<br>four<h2>Five</h2>").text).toBe("one two\n\nthree\nfour\n\n# Five");
  const table = draw("<table><tr><th>a|b<th>c</tr><tr><td><p>d</p><p>e</p><td></tr></table>");
  expect(table.text).toBe("| a¦b | c |\n| --- | --- |\n| d e |  |");
});
