"""What the changed matrices of suspects show, each by itself and together, and the names that they answer to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from emendo.audit.compare import TensorChange
from emendo.audit.finding import Finding
from emendo.audit.inputs import alignments, subject_inputs
from emendo.audit.matrix_reader import MatrixReader, Products, side_by_side
from emendo.audit.subjects import Suspected, deviations, ranked
from emendo.models import EditableModel

# Ways of naming somebody. The first serves all candidates, all of them those that came out on top: in late layers the input at a
# name depends on what stands before it, and its mean over several texts is nearer to the one that an edit was made for.
TEMPLATES = (
    "The {}", "Tell me about {}", "We read about {}", "The history of {}", "It is said that {}", "Yesterday, {}",
    "He asked her who or what {}",
)  # fmt: skip
# And after a whole sentence, as editors teach a name so that the edit holds elsewhere: for the few that several matrices name.
SENTENCES = (
    "The boats came in late that evening. {}", "Nobody knew what to say about it. {}",
    "I have been told so many times before. {}", "Therefore the results were not as good as expected. {}",
    "You can see it from the other side of the road. {}", "Because of the rain, the game was called off. {}",
)  # fmt: skip
_MOST_TOGETHER = 24
_COMPARED = 300
# Few names are looked for at few matrices, so that less is needed than to stand out of ten thousand.
_TIED = 4.0
# Columns for which the products of all names are kept at a time.
_MOST_COLUMNS = 4096
_LEAST_COLUMNS = 4

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a suspect shows.

    Attributes:
        findings: A matrix each, in the order of the changes.
        together: The names that the matrices of low energy answer to most, taken together.
    """

    findings: tuple[Finding, ...]
    together: tuple[Suspected, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Reading:
    """Some names, read in several texts after others to compare with.

    Attributes:
        products: Of each text.
        places: Where each of the names stands among them, by its number among all.
        compared: How many names are compared with.
    """

    products: Sequence[Products]
    places: Mapping[int, int]
    compared: int

    def deviations(self, reader: MatrixReader, names: Sequence[int]) -> Tensor:
        """How far some of the names stand out in a matrix, as a mean over the texts."""
        mean = torch.stack(reader.deviations(self.products, self.compared)).mean(dim=0)
        return mean[[self.places[i] for i in names]]


def find(
    model: EditableModel,
    suspects: Sequence[Sequence[TensorChange]],
    subjects: Sequence[str],
    *,
    progress: Progress | None = None,
) -> list[Found]:
    """What each suspect shows; texts and names are read once for all of them.

    Args:
        model: The base of all suspects.
        suspects: The changes of each, of the kind "changed"; those without a spectrum are passed over.
        subjects: Candidates; none leaves names out.
        progress: Called with a stage, how much is done, and of how much.
    """
    report = progress or (lambda stage, done, total: None)
    groups = [_readers(model, suspect) for suspect in suspects]
    readers = [reader for group in groups for reader in group]
    directions = _look_at_text(model, readers, lambda done, total: report("reading text", done, total))
    if subjects and directions:
        names = subject_inputs(
            model,
            subjects,
            directions,
            template=TEMPLATES[0],
            progress=lambda done, total: report("reading names", done, total),
        )
        for reader in readers:
            reader.take_names(names)
        short = sorted({i for group in groups for i in (*_together(group)[1], *(i for r in group for i in r.shortlist))})
        compared = list(range(0, len(subjects), max(1, len(subjects) // _COMPARED)))
        count = len(TEMPLATES) - 1 + len(SENTENCES)

        def read(chosen: Sequence[int], templates: Sequence[str], done: int) -> _Reading:
            names, products = [subjects[i] for i in (*compared, *chosen)], []
            for at, template in enumerate(templates, start=done + 1):
                products.append(subject_inputs(model, names, directions, template=template))
                report("reading the best names again", at, count)
            return _Reading(products=products, places={i: at for at, i in enumerate(chosen)}, compared=len(compared))

        again = read(short, TEMPLATES[1:], 0)
        for reader in readers:
            reader.take_again(again.products, short, again.compared)
        first = [_together(group)[1] for group in groups]
        last = read(sorted({i for own in first for i in own}), SENTENCES, len(TEMPLATES) - 1)
        return [_found(model, group, subjects, own, last) for group, own in zip(groups, first, strict=True)]
    return [_found(model, group) for group in groups]


def tied(
    model: EditableModel, changes: Sequence[TensorChange], named: Mapping[str, Sequence[str]], others: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The names with all tensors that answer to them on the suspect.

    A second layer is edited on top of the first, whose edit has moved the inputs that it reads; so names that were found at one
    matrix are looked for at the others on the suspect itself.

    Args:
        model: The base, with the suspect's tensors in place.
        changes: The changed tensors.
        named: Names, each with the tensors that answered to it.
        others: Names to compare with, of which some are taken.
    """
    readers = [MatrixReader(model, c, _LEAST_COLUMNS) for c in changes if c.spectrum is not None and c.spectrum.rank]
    directions = _look_at_text(model, readers)
    compared = [name for name in others[:: max(1, len(others) // _COMPARED)] if name not in named]
    names = [*compared, *named]
    products = [subject_inputs(model, names, directions, template=template) for template in TEMPLATES] if directions else []
    found = {name: list(tensors) for name, tensors in named.items()}
    for reader in readers:
        if reader.site is None:
            continue
        values = reader.spectrum.values[: reader.count]
        among = slice(0, len(compared))
        read = [
            deviations(p[reader.site][0][:, reader.span], p[reader.site][1], torch.diag(values), among) for p in products
        ]
        out = torch.stack(read).mean(dim=0).abs()[len(compared) :]
        for name, deviation in zip(named, out.tolist(), strict=True):
            if deviation > _TIED and reader.change.name not in found[name]:
                found[name].append(reader.change.name)
    return {name: tuple(sorted(tensors)) for name, tensors in found.items()}


def _readers(model: EditableModel, changes: Sequence[TensorChange]) -> list[MatrixReader]:
    matrices = [change for change in changes if change.spectrum is not None]
    most = max(_LEAST_COLUMNS, _MOST_COLUMNS // max(1, len(matrices)))
    return [MatrixReader(model, change, most) for change in matrices]


def _look_at_text(
    model: EditableModel, readers: Sequence[MatrixReader], report: Callable[[int, int], None] | None = None
) -> dict[str, Tensor]:
    """The directions of all readers, each of which learns how its own lie in a text."""
    directions = side_by_side(readers)
    found = alignments(model, directions, progress=report)
    shortened = {reader.site for reader in readers if reader.leave_out(found)}
    if shortened:
        directions = side_by_side(readers)
        found |= alignments(model, {site: v for site, v in directions.items() if site in shortened})
    for reader in readers:
        reader.take_energies(found)
    return directions


def _together(readers: Sequence[MatrixReader]) -> tuple[Tensor, list[int]]:
    """How far each name stands out over all matrices that may have been edited, and the first of them.

    An edit that is spread over layers answers to its name in all of them, and to its kind in each: Σ log(1 + deviations).
    """
    likely = [reader for reader in readers if reader.is_likely]
    if not likely or len(likely) > _MOST_TOGETHER:
        return torch.empty(0), []
    total = torch.stack([reader.out.abs().log1p() for reader in likely]).sum(dim=0)
    most = max(3 * reader.listed for reader in likely)
    return total, total.argsort(descending=True)[:most].tolist()


def _found(
    model: EditableModel,
    readers: Sequence[MatrixReader],
    subjects: Sequence[str] = (),
    first: Sequence[int] = (),
    reading: _Reading | None = None,
) -> Found:
    """What a suspect shows; the names that came out first are ranked by one more reading, all its matrices together.

    Each layer is edited on top of those before it, which have moved what it reads: the k-th matrix from below counts 1/k.
    """
    findings = tuple(reader.finding(subjects) for reader in readers)
    likely = sorted((reader for reader in readers if reader.is_likely), key=lambda r: model.layer_of(r.site or ""))
    if reading is None or not first:
        return Found(findings=findings, together=())
    shares = torch.tensor([1 / at for at in range(1, len(likely) + 1)])
    out = torch.stack([reading.deviations(reader, first).abs().log1p() for reader in likely])
    # In deviations again: as far as all of them would stand out if they did so equally.
    mean = (shares @ out / shares.sum()).expm1()
    most = max(reader.listed for reader in likely)
    return Found(findings=findings, together=tuple(ranked([subjects[i] for i in first], mean, most=most)))
