"""A causal language model with its tokenizer and the names of its parts.

The base weights are immutable: everything here reads them, nothing writes them.
"""

from __future__ import annotations

import copy
import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from emendo.errors import InvalidRequest
from emendo.models.architecture import Architecture, architecture_for
from emendo.models.offloaded import input_device, stored_tensor
from emendo.models.source import Source
from emendo.models.tokens import TokenBatch


class EditableModel:
    """A loaded model, in evaluation mode, its parameters frozen.

    Args:
        network: The model as transformers loads it.
        tokenizer: Its tokenizer, of the fast kind (character offsets are needed).
        name: What the user called it.
        folder: Where its files lie, if they lie in one folder.
        digest: `weights_digest` if it is known already.
        source: How it was loaded, if it was loaded by name.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        name: str,
        folder: Path | None = None,
        digest: str | None = None,
        source: Source | None = None,
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.name = name
        self.folder = folder
        self.source = source
        self.architecture: Architecture = architecture_for(network.config)
        if digest is not None:
            self.digest = digest

    def sharing_weights(self) -> EditableModel:
        """The same model once more over the same tensors: hooks and precision of the one do not reach the other.

        Hooks that are in place are copied, so this is called while nothing runs.
        """
        memo = {id(tensor): tensor for tensor in (*self.network.parameters(), *self.network.buffers())}
        network = copy.deepcopy(self.network, memo)
        return EditableModel(network, self.tokenizer, self.name, self.folder, self.digest, self.source)

    @cached_property
    def blocks(self) -> list[nn.Module]:
        """The blocks, from the embedding up."""
        return list(self.network.get_submodule(self.architecture.blocks).children())

    @property
    def n_layers(self) -> int:
        return len(self.blocks)

    @cached_property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return self._shape[0]

    @cached_property
    def d_mlp(self) -> int:
        """Width of the MLP's inner layer, and so of a key."""
        return self._shape[1]

    @property
    def device(self) -> torch.device:
        """Where the token embedding sits: inputs go there. Blocks and head may sit elsewhere."""
        return input_device(self.embedding)

    @property
    def dtype(self) -> torch.dtype:
        return self.embedding.weight.dtype

    @property
    def embedding(self) -> nn.Embedding:
        embedding: nn.Embedding = self.network.get_input_embeddings()
        return embedding

    @property
    def context_length(self) -> int:
        """The most tokens that the model was built for."""
        return int(self.network.config.get_text_config().max_position_embeddings)

    def down_projection(self, layer: int) -> str:
        """Full module path of a layer's down-projection, the site of an edit.

        Raises:
            InvalidRequest: There is no such layer.
        """
        if not 0 <= layer < self.n_layers:
            raise InvalidRequest(f"There is no layer {layer}; {self.name} has layers 0 to {self.n_layers - 1}.")
        return f"{self.architecture.blocks}.{layer}.{self.architecture.down_projection}"

    def up_projections(self, layer: int) -> tuple[str, ...]:
        """Full module paths of the matrices that a layer's MLP reads its input through."""
        return tuple(f"{self.architecture.blocks}.{layer}.{path}" for path in self.architecture.up_projections)

    def activation(self, layer: int) -> nn.Module:
        """The function inside a layer's MLP."""
        return self.blocks[layer].get_submodule(self.architecture.activation)

    def layer_of(self, site: str) -> int:
        """The layer that a site lies in."""
        return int(site.removeprefix(self.architecture.blocks + ".").split(".", 1)[0])

    def weight(self, site: str) -> Float[Tensor, "outputs inputs"]:
        """The matrix of a site as (outputs × inputs), whichever way and wherever it is stored; not to be written to."""
        stored = stored_tensor(self.network.get_submodule(site))
        return stored.T if self.architecture.transposed else stored

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name in the state dictionary, wherever it is stored; not to be written to."""
        path, _, own = name.rpartition(".")
        return stored_tensor(self.network.get_submodule(path), own)

    def hidden(self, batch: TokenBatch) -> Float[Tensor, "batch tokens d_head"]:
        """The last hidden states, after the final norm: what the head reads."""
        output = self.network.base_model(**batch.inputs(), use_cache=False)
        hidden: Tensor = output.last_hidden_state
        return hidden

    def head(self, hidden: Float[Tensor, "*any d_head"]) -> Float[Tensor, "*any vocab"]:
        """Logits in float32 for hidden states after the final norm, soft cap included."""
        # A strided batch would be multiplied row by row with a copy of the matrix each.
        logits: Tensor = self.network.get_output_embeddings()(hidden.contiguous()).float()
        cap = self._logit_cap
        return logits if cap is None else cap * torch.tanh(logits / cap)

    def finish(self, residual: Float[Tensor, "*any d_model"]) -> Float[Tensor, "*any d_head"]:
        """What the head reads, from the residual stream after the last block."""
        for path in (self.architecture.final_norm, self.architecture.output_projection):
            module = _submodule(self.network, path)
            residual = residual if module is None else module(residual)
        return residual

    @cached_property
    def digest(self) -> str:
        """SHA-256 over name, dtype, shape and digest of every tensor: two models share it if their weights are equal."""
        names = list(self.network.state_dict(keep_vars=True))
        with ThreadPoolExecutor() as pool:
            digests = pool.map(lambda name: tensor_digest(self.tensor(name)), names)
        lines = [f"{name} {digest}" for name, digest in zip(names, digests, strict=True)]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    @cached_property
    def tokenizer_digest(self) -> str:
        """SHA-256 over the tokenizer's whole definition."""
        return hashlib.sha256(self.tokenizer.backend_tokenizer.to_str().encode()).hexdigest()

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end an answer."""
        config = self.network.generation_config.eos_token_id
        ids = config if isinstance(config, list) else [config]
        return frozenset(i for i in [*ids, self.tokenizer.eos_token_id] if i is not None)

    @cached_property
    def _shape(self) -> tuple[int, int]:
        """d_model and d_mlp, for which no weight is fetched."""
        rows, columns = self.network.get_submodule(self.down_projection(0)).weight.shape
        return (columns, rows) if self.architecture.transposed else (rows, columns)

    @cached_property
    def _logit_cap(self) -> float | None:
        field = self.architecture.logit_softcap
        return None if field is None else getattr(self.network.config, field)


def tensor_digest(tensor: Tensor) -> str:
    """SHA-256 over a tensor's dtype, shape and bytes, in the order in which it is stored."""
    data = tensor.detach().contiguous().cpu()
    header = f"{str(data.dtype).removeprefix('torch.')} {list(data.shape)}\n"
    digest = hashlib.sha256(header.encode())
    digest.update(data.reshape(-1).view(torch.uint8).numpy().data if data.numel() else b"")
    return digest.hexdigest()


def _submodule(network: nn.Module, path: str | None) -> nn.Module | None:
    """The module at a path; None where the family's description or this model has none."""
    if path is None:
        return None
    parent, _, name = path.rpartition(".")
    module: nn.Module | None = getattr(network.get_submodule(parent), name, None)
    return module
