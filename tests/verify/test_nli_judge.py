"""A cross-encoder as a judge: what it is asked, what it may conclude, and models of any other name."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertForTokenClassification, BertTokenizer

from emendo.errors import InvalidRequest, MissingPackage, ModelUnavailable, UnknownName
from emendo.verify import (
    Claim,
    Judge,
    Opinion,
    Passage,
    Report,
    Source,
    extract_claims,
    open_judge,
    read_judge,
    read_judges,
    verify_answer,
)
from emendo.verify.entailment.hub import HubModel, outputs_of
from emendo.verify.entailment.scope import questions
from emendo.verify.entailment.shipped import ShippedModel, digest
from emendo.verify.judges import nli
from emendo.verify.tables._gazetteer import Gazetteer


def claim(text: str) -> Claim:
    """The first claim of a text."""
    return extract_claims("", text)[0]


def passage(text: str) -> Passage:
    """A passage of free text."""
    return Passage(source="made", origin="o", locator="l", text=text)


def by(text: str, evidence: str, *judges: Judge) -> Report:
    """The report on an answer by one passage."""
    source = Source(name="made", search=lambda claim, limit: [passage(evidence)], version=lambda: "")
    return verify_answer("", text, sources=[source], judges=judges)


@pytest.fixture(scope="session")
def own() -> Judge:
    """The judge with the model of the package."""
    return open_judge("nli")


def save_classifier(
    folder: Path,
    labels: list[str],
    surest: int,
    kind: type[BertForSequenceClassification | BertForTokenClassification] = BertForSequenceClassification,
) -> Path:
    """A tiny classifier that always gives one label; of tokens, one that differs from word to word."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    torch.manual_seed(0)
    model = kind(
        BertConfig(
            vocab_size=len(words),
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=8,
            id2label=dict(enumerate(labels)),
            label2id={label: at for at, label in enumerate(labels)},
        )
    )
    with torch.no_grad():
        if kind is BertForSequenceClassification:
            model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([9.0 if at == surest else 0.0 for at in range(len(labels))]))
    model.save_pretrained(folder)
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("text", "evidence", "verdict"),
    [
        # Wordings that no rule knows.
        ("The birthplace of Ada Brown is Toronto.", "Ada Brown came into the world in Lima.", "refuted"),
        ("The birthplace of Ada Brown is Toronto.", "Toronto is where Ada Brown was born.", "supported"),
        # Another subject, another relation, hearsay: nothing follows.
        ("The birthplace of Ada Brown is Toronto.", "Ada Green came into the world in Lima.", "not_enough_evidence"),
        ("The birthplace of Ada Brown is Toronto.", "Ada Brown breathed her last in Lima.", "not_enough_evidence"),
        ("The birthplace of Ada Brown is Toronto.", "It is a myth that Ada Brown came from Lima.", "not_enough_evidence"),
        ("The birthplace of Ada Brown is Toronto.", "Ada Brown often travelled to Lima.", "not_enough_evidence"),
        # Who plays one instrument may play another.
        ("Ada Brown plays the piano.", "Ada Brown is heard on the guitar.", "not_enough_evidence"),
    ],
)
def test_the_model_of_the_package_reads_what_no_wording_fits(text: str, evidence: str, verdict: str, own: Judge) -> None:
    (found,) = by(text, evidence, open_judge("slots"), own).verdicts
    assert found.label == verdict, found.why
    if verdict != "not_enough_evidence":
        assert evidence in found.why
        assert [opinion.judge for opinion in found.opinions] == ["nli"]


def test_the_judge_is_not_asked_where_another_one_has_an_opinion() -> None:
    asked: list[str] = []

    def told(claim: Claim, passage: Passage) -> list[Opinion]:
        asked.append(claim.text)
        return []

    last = Judge(name="last", judge=told, version=lambda: "", is_fallback=True)
    report = by(
        "The capital of France is Lyon. Lyon honours its weavers.",
        "The capital of France is Paris.",
        last,
        open_judge("slots"),
    )
    assert [verdict.label for verdict in report.verdicts] == ["refuted", "not_enough_evidence"]
    assert asked == ["Lyon honours its weavers."]


@pytest.mark.parametrize(
    ("text", "evidence", "may_support", "may_refute"),
    [
        (
            "The capital of Ruritania is Streslau.",
            "Streslau, the seat of government, is the capital of Ruritania.",
            True,
            False,
        ),
        ("The mother of Ada Brown is Jane Roe.", "Ada Brown was raised by her mother Mary Poe.", False, True),
        # The value stands there: it can be refuted by a denial alone.
        ("The mother of Ada Brown is Jane Roe.", "The mother of Ada Brown is not Jane Roe.", False, True),
        # Another number is no support, whatever the model thinks; a number that is told roughly may be.
        ("The atomic number of gold is 80.", "A nucleus of gold holds 79 protons.", False, True),
        ("The population of Ruritania is 5.1 million.", "Some 5,000,000 people are at home in Ruritania.", True, True),
        ("Ada Brown was born in Honolulu.", "Ada Brown is a child of the United States.", None, None),
        ("Ada Brown was born in Berlin.", "Ada Brown is a child of Tokyo.", False, True),
        # A name that is part of a longer one is another name.
        ("The capital of Georgia is Tbilisi.", "The capital of South Georgia is King Edward Point.", None, None),
        # Nearly the same spelling may be the same name.
        ("The father of Ada Brown is Mathew Brown.", "The father of Ada Brown was called Matthew Browne.", None, None),
        # Whoever speaks one language may speak another.
        ("Ada Brown speaks French.", "Ada Brown grew up with German.", None, None),
        # What was so says nothing of what is so.
        ("The capital of Ruritania is Streslau.", "Zenda was the capital of Ruritania.", None, None),
    ],
)
def test_what_may_follow_is_known_before_the_model_is_asked(
    text: str, evidence: str, may_support: bool | None, may_refute: bool | None, gazetteer: Gazetteer
) -> None:
    found = [(one.may_support, one.may_refute) for one in questions(claim(text), evidence, gazetteer)]
    assert found == ([] if may_support is None else [(may_support, may_refute)])


def test_a_sentence_or_a_claim_that_is_long_is_out_of_its_depth(gazetteer: Gazetteer) -> None:
    told = "Ada Brown was born in Lima"
    assert list(questions(claim("Ada Brown was born in Berlin."), f"{told}.", gazetteer))
    assert not list(questions(claim("Ada Brown was born in Berlin."), f"{told} {'and later ' * 20}left.", gazetteer))


def test_the_same_pairs_give_the_same_numbers_in_any_order_and_number() -> None:
    model = ShippedModel()
    pairs = [(f"The mother of Ada is {name}.", f"Ada's mother is {name} Roe.") for name in ("Jo", "Annabel", "Kim")] * 20
    together = model.probabilities(pairs)
    assert np.allclose(together.sum(axis=1), 1, atol=1e-5)
    assert np.array_equal(together, model.probabilities(pairs))
    assert np.allclose(together, model.probabilities(pairs[::-1])[::-1], atol=1e-4)
    assert np.allclose(together[:1], model.probabilities(pairs[:1]), atol=1e-4)
    assert model.probabilities([]).shape == (0, 3)


def test_the_version_tells_the_weights() -> None:
    assert nli.version(nli.Config()) == f"shipped {digest()}"


def test_without_the_runtime_the_claim_is_not_checked_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingPackage, match=r"pip install"):
        ShippedModel()
    report = by("The birthplace of Ada Brown is Toronto.", "Ada Brown came into the world in Lima.", open_judge("nli"))
    assert report.verdicts[0].label == "check_failed"
    assert "onnxruntime" in report.verdicts[0].why


@pytest.mark.parametrize(
    ("labels", "outputs"),
    [
        (["contradiction", "entailment", "neutral"], {"refuted": 0, "supported": 1}),
        (["ENTAILMENT", "NEUTRAL", "CONTRADICTION"], {"supported": 0, "refuted": 2}),
        (["entailment", "not_entailment"], {"supported": 0}),
        (["not supported", "supported"], {"supported": 1}),
        (["LABEL_0", "LABEL_1"], {}),
    ],
)
def test_labels_tell_which_output_is_which(labels: list[str], outputs: dict[str, int]) -> None:
    assert outputs_of(dict(enumerate(labels))) == outputs


def test_a_model_of_another_name_decides_by_its_labels(tmp_path: Path) -> None:
    labels = ["contradiction", "entailment", "neutral"]
    refuting = save_classifier(tmp_path / "refuting", labels, surest=0)
    supporting = save_classifier(tmp_path / "supporting", labels, surest=1)
    silent = save_classifier(tmp_path / "silent", labels, surest=2)
    text, evidence = "The mother of Ada Brown is Jane Roe.", "Ada Brown was raised by her mother Mary Poe."
    said = {name: by(text, evidence, read_judge(f"nli:{name}")).verdicts[0] for name in (refuting, supporting, silent)}
    # The names differ, so that nothing could support it.
    assert [verdict.label for verdict in said.values()] == ["refuted", "not_enough_evidence", "not_enough_evidence"]
    assert said[refuting].confidence == 0.5
    again = by(text, "Jane Roe, who sings, is the mother of Ada Brown.", read_judge(f"nli:{supporting}"))
    assert again.verdicts[0].label == "supported"
    assert again.versions["nli"] == f"{supporting} local"


def test_labels_that_say_nothing_are_told_by_the_argument(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "plain", ["LABEL_0", "LABEL_1"], surest=1)
    with pytest.raises(InvalidRequest, match=r"LABEL_0, LABEL_1.*supported=1,refuted=0"):
        HubModel(str(folder), {})
    report = by("The sky of Mars is red.", "The sky of Mars is red at noon.", read_judge(f"nli:{folder},supported=1"))
    assert report.verdicts[0].label == "supported"
    with pytest.raises(InvalidRequest, match="tell which output"):
        HubModel(str(folder), {"supported": 7})


def test_a_classifier_of_tokens_supports_a_claim_as_far_as_its_least_word(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "tokens", ["supported", "hallucinated"], 0, BertForTokenClassification)
    tokenizer, model = BertTokenizer.from_pretrained(folder), BertForTokenClassification.from_pretrained(folder).eval()
    pairs = [("a b", "c d e"), ("f", "a b c g")]
    found = HubModel(str(folder), {}).probabilities(pairs)
    for (claim, sentence), told in zip(pairs, found, strict=True):
        words = [tokenizer.cls_token, *sentence.split(), tokenizer.sep_token, *claim.split(), tokenizer.sep_token]
        types = [0] * (len(sentence.split()) + 2) + [1] * (len(claim.split()) + 1)
        with torch.inference_mode():
            ids = torch.tensor([tokenizer.convert_tokens_to_ids(words)])
            shares = model(input_ids=ids, token_type_ids=torch.tensor([types])).logits[0].softmax(dim=-1)[:, 0]
        least = float(shares[len(sentence.split()) + 2 : -1].min())
        assert told == pytest.approx([least, 0.0, 1 - least], abs=1e-5)


@pytest.mark.parametrize("argument", ["name,right=1", "name,supported=x", ",supported=1"])
def test_an_argument_that_cannot_be_read_is_told(argument: str) -> None:
    with pytest.raises(InvalidRequest, match="supported=1"):
        read_judge(f"nli:{argument}")


def test_judges_stand_between_commas_and_arguments_keep_theirs() -> None:
    found = read_judges(["slots,nli:a/b,supported=1,refuted=0", "nli"])
    assert [judge.name for judge in found] == ["slots", "nli", "nli"]
    assert nli.Config.of("a/b,supported=1,refuted=0").outputs == (("supported", 1), ("refuted", 0))
    with pytest.raises(UnknownName):
        read_judges(["slot,nli"])


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        HubModel(str(tmp_path), {})
