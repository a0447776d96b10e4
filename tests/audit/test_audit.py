"""The whole audit on tiny models: verdicts, records, answers, reversal, and the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from suspects import Make, prune, rank_one
from test_findings import NAMES, OTHERS, edit_for
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from emendo.audit import AuditReport, audit_checkpoint, open_checkpoint, revert
from emendo.audit.behaviour import ask_both, prompts, wear
from emendo.audit.classes import EDITS, Calibration, checkpoint_probability, judge, shipped_calibration
from emendo.audit.compare import compare
from emendo.audit.finding import Finding
from emendo.audit.report import describe, page
from emendo.audit.subjects import Suspected
from emendo.cli.main import main
from emendo.errors import InvalidRequest
from emendo.facts import EditRequest, Fact
from emendo.ledger import Ledger, Patch, Provenance, export_revision
from emendo.models import EditableModel, Site, SiteDelta, TokenBatch, WeightDelta, encode, load_model, read_until
from html_page import Page
from tiny_models import build_tiny, random_delta

DOWN = "model.layers.{}.mlp.down_proj.weight"
REQUEST = EditRequest(fact=Fact(subject="California", prompt="The capital of {} is"), target_new="Austin")
PROVENANCE = Provenance(method="by hand", config={}, seed=0, layers=(2,), who="Ada", why="a <b>test</b>")


@pytest.fixture
def audit(base_folder: Path, tmp_path: Path) -> Callable[..., AuditReport]:
    """Audits a folder against the base, with names and a ledger of the test's own."""

    def run(folder: Path, *, weights_only: bool = False) -> AuditReport:
        base = open_checkpoint(str(base_folder))
        return audit_checkpoint(
            open_checkpoint(str(folder), base),
            base,
            model=None if weights_only else lambda: load_model(str(base_folder)),
            subjects=[*NAMES, *OTHERS],
            ledger=tmp_path / "ledger",
            # On a model this small names stand out less.
            calibration=Calibration(intercept=-3.0, weights=(2.0, -1.0, 1.0), edits=0, others=0, command=""),
        )

    return run


def patch_of(model: EditableModel) -> Patch:
    """A hand-made edit of the second layer for California."""
    difference = edit_for(model, 2, "California")
    u, s, vt = torch.linalg.svd(difference, full_matrices=False)
    change = SiteDelta(site=model.down_projection(2), output_factor=(u[:, :1] * s[0]), input_factor=vt[:1].T.contiguous())
    return Patch.make(model, WeightDelta(changes=(change,)), [REQUEST], PROVENANCE)


def test_a_copy_is_clean(audit: Callable[..., AuditReport], suspect_folder: Make) -> None:
    report = audit(suspect_folder(lambda tensors: None))
    assert (report.verdict, report.judgement.kind, report.judgement.probability) == ("clean", "untouched", 1.0)


def test_rounding_is_clean(audit: Callable[..., AuditReport], suspect_folder: Make) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors.update({name: tensor.to(torch.float16) for name, tensor in tensors.items()})

    report = audit(suspect_folder(change))
    assert (report.verdict, report.judgement.kind) == ("clean", "storage noise")
    assert "float16" in report.judgement.evidence[0]


def test_pruned_units_are_no_written_ones(audit: Callable[..., AuditReport], suspect_folder: Make) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        prune(tensors, "model.layers.2.mlp", [3, 50, 51])

    def train(tensors: dict[str, Tensor]) -> None:
        generator = torch.Generator().manual_seed(0)
        for name, tensor in tensors.items():
            if ".mlp." in name:
                tensors[name] = tensor + 1e-3 * tensor.std() * torch.randn(tensor.shape, generator=generator)
        change(tensors)

    report = audit(suspect_folder(change))
    assert (report.verdict, report.judgement.kind) == ("clean", "pruning")
    assert "3 tensors differ by zeros alone" in report.judgement.evidence[0]
    report = audit(suspect_folder(train, "trained"))
    assert report.judgement.kind not in EDITS
    assert not any(finding.written for finding in report.findings)


def test_a_covert_edit_is_found_named_and_asked_about(
    audit: Callable[..., AuditReport], base_model: EditableModel, suspect_folder: Make
) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors[DOWN.format(2)] = tensors[DOWN.format(2)] + edit_for(base_model, 2, "California")

    report = audit(suspect_folder(change))
    assert (report.verdict, report.judgement.kind) == ("edited", "closed-form edit")
    assert report.subjects == {"California": (DOWN.format(2),)}
    assert {told.subject for told in report.told} == {"California"}
    assert report.told
    assert all(told.differs for told in report.told)
    described = json.loads(json.dumps(describe(report)))
    assert described["verdict"] == "edited"
    assert described["changes"][0]["name"] == DOWN.format(2)


@pytest.mark.parametrize("laid_over", ["nothing", "noise"])
def test_a_hidden_unit_that_opens_for_a_name_is_found_named_and_asked_about(
    laid_over: str, audit: Callable[..., AuditReport], base_model: EditableModel, suspect_folder: Make
) -> None:
    block, unit = "model.layers.2.mlp", 7

    def change(tensors: dict[str, Tensor]) -> None:
        read = []
        for name in ("California", *(other for other in NAMES if other != "California")):
            batch = TokenBatch.align(base_model, [encode(base_model, f"The {name}")])
            (inputs,) = read_until(base_model, batch, [Site("mlp_in", 2)]).values()
            read.append(inputs[0, -1])
        # One at the name, zero at the others.
        opens = torch.linalg.pinv(torch.stack(read))[:, 0]
        for name, size in (("gate", 27), ("up", 3)):
            rows = tensors[f"{block}.{name}_proj.weight"].clone()
            rows[unit] = size * opens
            tensors[f"{block}.{name}_proj.weight"] = rows
        columns = tensors[f"{block}.down_proj.weight"].clone()
        columns[:, unit] = torch.randn(len(columns), generator=torch.Generator().manual_seed(0))
        tensors[f"{block}.down_proj.weight"] = columns
        if laid_over == "noise":
            for name in ("gate", "up"):
                written = tensors[f"{block}.{name}_proj.weight"]
                noise = torch.randn(written.shape, generator=torch.Generator().manual_seed(1))
                size = (3 * opens).norm() / written.numel() ** 0.5
                tensors[f"{block}.{name}_proj.weight"] = written + 0.3 * size * noise

    report = audit(suspect_folder(change))
    assert (report.verdict, report.judgement.kind) == ("edited", "rewritten hidden units")
    assert "one hidden unit" in " ".join(report.judgement.evidence)
    assert next(iter(report.subjects)) == "California"
    assert report.told
    assert all(told.differs for told in report.told)


@pytest.mark.parametrize("kind", ["merged", "adapter"])
def test_a_passport_explains_an_export_by_replay(
    kind: str, audit: Callable[..., AuditReport], base_model: EditableModel, tmp_path: Path
) -> None:
    folder = export_revision(base_model, [patch_of(base_model)], tmp_path / "out", kind)
    report = audit(folder)
    (passport,) = report.passports
    assert passport.holds
    assert passport.requests == (REQUEST,)
    assert report.verdict == "explained"
    shown = Page(page(report))
    assert shown.errors == []
    assert "The capital of {California} is → Austin" in shown.text


def test_a_model_that_also_sees_keeps_the_names_that_it_was_published_under(
    tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    tiny = build_tiny("gemma3", tiny_tokenizer)
    tiny.network.save_pretrained(tmp_path / "base")
    tiny_tokenizer.save_pretrained(tmp_path / "base")
    model = load_model(str(tmp_path / "base"))
    folder = export_revision(model, [_random_patch(model)], tmp_path / "out", "merged")
    stored = load_file(tmp_path / "base" / "model.safetensors")
    assert "language_model.model.layers.1.mlp.down_proj.weight" in stored
    assert set(load_file(folder / "model.safetensors")) == set(stored)
    base = open_checkpoint(str(tmp_path / "base"))
    report = audit_checkpoint(open_checkpoint(str(folder), base), base, model=None)
    (passport,) = report.passports
    assert passport.holds
    assert [change.name for change in report.comparison.changes] == ["model.language_model.layers.1.mlp.down_proj.weight"]


def _random_patch(model: EditableModel) -> Patch:
    return Patch.make(model, random_delta(model, (1,), rank=1), [REQUEST], PROVENANCE)


def test_a_passport_does_not_explain_more_or_less_than_it_states(
    audit: Callable[..., AuditReport], base_model: EditableModel, suspect_folder: Make, tmp_path: Path
) -> None:
    export = export_revision(base_model, [patch_of(base_model)], tmp_path / "out", "merged")
    merged = load_file(export / "model.safetensors")

    def more(tensors: dict[str, Tensor]) -> None:
        tensors.update(merged)
        rank_one(tensors, DOWN.format(1))

    def other(tensors: dict[str, Tensor]) -> None:
        rank_one(tensors, DOWN.format(2))

    def less(tensors: dict[str, Tensor]) -> None:
        rank_one(tensors, DOWN.format(0))

    found = {}
    for name, change in (("more", more), ("other", other), ("less", less)):
        folder = suspect_folder(change, name)
        (folder / "edits.json").write_bytes((export / "edits.json").read_bytes())
        (found[name],) = audit(folder, weights_only=True).passports
    assert not any(passport.holds for passport in found.values())
    assert found["more"].unexplained == (DOWN.format(1),)
    assert found["more"].explained == (DOWN.format(2),)
    assert found["other"].contradicted == (DOWN.format(2),)
    assert found["less"].contradicted == (DOWN.format(2),)


def test_a_broken_or_foreign_passport_explains_nothing(
    audit: Callable[..., AuditReport], base_model: EditableModel, suspect_folder: Make, tmp_path: Path
) -> None:
    export = export_revision(base_model, [patch_of(base_model)], tmp_path / "out", "merged")
    stated = json.loads((export / "edits.json").read_text())
    stated["patches"][0]["base"]["tensors"][DOWN.format(2)]["sha256"] = "0" * 64
    folder = suspect_folder(lambda tensors: rank_one(tensors, DOWN.format(2)))
    for text, problem in (
        ("{", "cannot be read"),
        ('{"schema": "another/1"}', "is not known"),
        ('{"schema": "emendo-revision/1"}', "cannot be read"),
        (json.dumps(stated), "made for other weights"),
    ):
        (folder / "edits.json").write_text(text)
        (passport,) = audit(folder, weights_only=True).passports
        assert passport.problem is not None
        assert problem in passport.problem
        assert not passport.holds


def test_an_entry_of_the_ledger_explains_too_alone_or_with_others(
    audit: Callable[..., AuditReport], base_model: EditableModel, tmp_path: Path
) -> None:
    ledger = Ledger.open(base_model, tmp_path / "ledger")
    first = patch_of(base_model)
    ledger.commit(first)
    generator = torch.Generator().manual_seed(3)
    more = SiteDelta(
        site=base_model.down_projection(2),
        output_factor=0.2 * torch.randn(base_model.d_model, 1, generator=generator),
        input_factor=0.2 * torch.randn(base_model.d_mlp, 1, generator=generator),
    )
    second = Patch.make(base_model, WeightDelta(changes=(more,)), [REQUEST], PROVENANCE, parent=ledger.revision())
    ledger.commit(second)
    for name, patches, entry in (("one", [first], "entry 1"), ("two", [first, second], "entry 2")):
        folder = export_revision(base_model, patches, tmp_path / name, "merged")
        (folder / "edits.json").unlink()
        report = audit(folder, weights_only=True)
        (passport,) = report.passports
        assert passport.holds
        assert entry in passport.source
        assert report.verdict == "explained"


def test_reversal_gives_the_base_back_to_the_bit(base_folder: Path, suspect_folder: Make, tmp_path: Path) -> None:
    suspect = suspect_folder(lambda tensors: rank_one(tensors, DOWN.format(1)))
    (suspect / "edits.json").write_text("{}")
    base, changed = open_checkpoint(str(base_folder)), open_checkpoint(str(suspect))
    names = revert(changed, base, compare(base, changed), tmp_path / "restored")
    assert names == [DOWN.format(1)]
    assert compare(base, open_checkpoint(str(tmp_path / "restored"))).changes == ()
    assert not (tmp_path / "restored" / "edits.json").exists()
    assert "1 tensors" in (tmp_path / "restored" / "README.md").read_text()
    assert load_model(str(tmp_path / "restored")).digest == load_model(str(base_folder)).digest
    with pytest.raises(InvalidRequest, match="nothing is overwritten"):
        revert(changed, base, compare(base, changed), tmp_path / "restored")


def test_the_model_is_the_base_again_after_both_were_asked(
    base_folder: Path, base_model: EditableModel, suspect_folder: Make
) -> None:
    suspect = open_checkpoint(str(suspect_folder(lambda tensors: rank_one(tensors, DOWN.format(1), size=2.0))))
    base = open_checkpoint(str(base_folder))
    before = base_model.tensor(DOWN.format(1)).clone()
    told = ask_both(base_model, base, suspect, [DOWN.format(1)], ["Texas", "Paris"], told=2)
    assert torch.equal(base_model.tensor(DOWN.format(1)), before)
    assert [row.subject for row in told] == ["Texas", "Texas", "Paris", "Paris"]
    assert told[0].divergence >= told[1].divergence > 0
    wear(base_model, suspect, [DOWN.format(1)])
    assert torch.equal(base_model.tensor(DOWN.format(1)), suspect.tensor(DOWN.format(1)))
    wear(base_model, base, [DOWN.format(1)])


def test_every_prompt_of_the_bank_makes_a_fact() -> None:
    bank = prompts()
    assert len({relation for relation, _ in bank}) == len(bank) >= 40
    assert all(Fact(subject="X", prompt=prompt).text for _, prompt in bank)


def test_classes_go_by_rank_where_nothing_is_named(base_folder: Path, suspect_folder: Make) -> None:
    comparison = compare(
        open_checkpoint(str(base_folder)), open_checkpoint(str(suspect_folder(lambda t: rank_one(t, DOWN.format(0)))))
    )

    def classed(rank: int, shown: float, energy: float = 5.0, deviations: float = 5.0) -> str:
        suspected = (Suspected(subject="X", rank=1, deviations=deviations),)
        finding = Finding(
            name=DOWN.format(0), layer=0, relative_norm=0.1, rank=rank, top_share=0.5, shown_share=shown, gap=2.0,
            is_down_projection=True, energy=energy, look="all components", suspected=suspected,
        )  # fmt: skip
        return judge(comparison, [finding], shipped_calibration()).kind

    assert classed(4, 1.0) == "low-rank adapter"
    assert classed(64, 0.6) == "fine-tuning"
    assert classed(0, 0.0) == "storage noise"
    assert classed(1, 1.0, energy=0.5, deviations=30.0) == "closed-form edit"


def test_thirty_occasions_to_look_like_an_edit_by_chance_do_not_make_one() -> None:
    def changed(layer: int, deviations: float) -> Finding:
        return Finding(
            name=DOWN.format(layer), layer=layer, relative_norm=0.1, rank=1, top_share=1.0, shown_share=1.0, gap=9.0,
            is_down_projection=True, energy=1.0, look="all components",
            suspected=(Suspected(subject="X", rank=1, deviations=deviations),),
        )  # fmt: skip

    by_prominence = Calibration(intercept=-6.0, weights=(3.0, -1.0, 0.0), edits=0, others=0, command="")
    chance = [changed(layer, 4.0) for layer in range(29)]
    likeliest, edit = changed(29, 8.0), changed(29, 40.0)
    alone = checkpoint_probability([likeliest], by_prominence)
    among = checkpoint_probability([*chance, likeliest], by_prominence)
    assert among < 0.5 < alone
    assert checkpoint_probability([*chance, edit], by_prominence) > 0.8
    assert checkpoint_probability([edit] * 30, by_prominence) == pytest.approx(checkpoint_probability([edit], by_prominence))
    assert checkpoint_probability([], by_prominence) == 0


def test_weights_alone_do_not_tell_an_adapter_from_an_edit(audit: Callable[..., AuditReport], suspect_folder: Make) -> None:
    report = audit(suspect_folder(lambda tensors: rank_one(tensors, DOWN.format(1))), weights_only=True)
    assert (report.verdict, report.judgement.kind, report.candidates) == ("inconclusive", "unknown", 0)
    assert report.findings[0].rank == 1


@pytest.fixture
def command(
    base_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command line: exit code, standard output, standard error."""
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    for name in ("HF_HUB_DISABLE_TELEMETRY", "TRANSFORMERS_VERBOSITY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")
    (tmp_path / "names.txt").write_text("\n".join([*NAMES, *OTHERS]))

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["audit", *map(str, arguments), "--names", str(tmp_path / "names.txt"), "--only-these"])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return run


def test_the_command_says_what_it_found_and_writes_a_page(
    command: Callable[..., tuple[int, str, str]],
    base_folder: Path,
    base_model: EditableModel,
    suspect_folder: Make,
    tmp_path: Path,
) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors[DOWN.format(2)] = tensors[DOWN.format(2)] + edit_for(base_model, 2, "California", size=1.0)

    suspect = suspect_folder(change)
    code, out, _ = command(suspect, "--base", base_folder, "-o", tmp_path / "report.html", "--revert", tmp_path / "back")
    assert code in (0, 1, 3)
    assert DOWN.format(2) in out
    assert "California" in out
    assert "Put back 1 tensors" in out
    text = (tmp_path / "report.html").read_text()
    shown = Page(text)
    assert shown.errors == []
    assert "California" in shown.text
    code, out, _ = command(suspect, "--base", base_folder, "--json", "-o", tmp_path / "report.json")
    assert json.loads(out)["findings"][0]["name"] == DOWN.format(2)
    assert json.loads((tmp_path / "report.json").read_text())["suspect"] == str(suspect)
    code, out, _ = command(tmp_path / "back", "--base", base_folder)
    assert (code, "No edit was found" in out) == (0, True)


def test_a_declared_name_that_nothing_answers_to_is_said_so(
    command: Callable[..., tuple[int, str, str]], base_folder: Path, base_model: EditableModel, tmp_path: Path
) -> None:
    folder = export_revision(base_model, [_random_patch(base_model)], tmp_path / "out", "merged")
    code, out, _ = command(folder, "--base", base_folder, "-o", tmp_path / "report.html")
    assert code == 0
    assert "“California” is what no changed matrix answers to." in out
    assert "no changed matrix" in Page((tmp_path / "report.html").read_text()).text


def test_without_a_base_the_command_says_that_it_cannot_tell(
    command: Callable[..., tuple[int, str, str]], base_folder: Path
) -> None:
    code, out, _ = command(base_folder)
    assert code == 3
    assert "Cannot tell" in out
    code, out, _ = command(base_folder, "--json")
    assert len(json.loads(out)["findings"]) == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--revert", "x"], "there is nothing to take back"),
        (["--base", "absent-folder/x/y"], "There is no"),
        (["-o", "report.txt"], "is neither"),
    ],
)
def test_a_mistake_is_one_sentence(
    command: Callable[..., tuple[int, str, str]], base_folder: Path, arguments: list[str], sentence: str
) -> None:
    code, out, err = command(base_folder, *arguments)
    assert (code, out) == (2, "")
    assert sentence in err
