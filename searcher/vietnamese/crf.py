"""The weights of pyvi's word segmenter, read without importing pyvi and without running its pickle.

pyvi ships a pickled ``sklearn_crfsuite.CRF`` whose state holds a CRFsuite model file as one latin-1 string.
Only that string is taken out (by walking the pickle's opcodes, none of which is executed), then the model
file is decoded as CRFsuite writes it: https://www.chokkan.org/software/crfsuite/manual.html and crf1d_model.c.
"""

from __future__ import annotations

import hashlib
import pickletools
import struct
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from searcher.errors import ModelError

#: SHA-256 of the two files of pyvi 0.1.1 that segmentation depends on.
KNOWN_FILES = {
    "models/pyvi3.pkl": "6cdd73aee04b6a4ad7320ca85d27d931a7ef870cfdd41beb148e86bdb8aca134",
    "models/words.txt": "517743d27e71d43343e4b8e9e89015cdc68d84ebe1d48106449e501d918ece4a",
}
_HEADER = struct.Struct("<4sI4sIIIIIIIII")
_FEATURE = struct.Struct("<IIId")
_U32 = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class CrfWeights:
    """A CRF with the labels B_W (a word begins) and I_W (it goes on).

    ``state`` maps an attribute to its weight for I_W minus its weight for B_W; transitions are named from→to.
    """

    state: dict[str, float]
    begin_begin: float
    begin_inside: float
    inside_begin: float
    inside_inside: float


def pyvi_folder() -> Path:
    """Return the folder of the installed pyvi without importing it.

    Raises:
        ModelError: pyvi is not installed.
    """
    try:
        files = distribution("pyvi").locate_file("pyvi")
    except PackageNotFoundError as error:
        raise ModelError("pyvi is not installed; install it with: pip install pyvi==0.1.1") from error
    return Path(str(files))


def changed_files(folder: Path) -> list[str]:
    """Name the model files under ``folder`` that are not those of pyvi 0.1.1."""
    return [
        name
        for name, digest in KNOWN_FILES.items()
        if not (folder / name).is_file() or hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest
    ]


def read_weights(path: Path) -> CrfWeights:
    """Decode the CRF weights inside pyvi's pickle at ``path``.

    Raises:
        ModelError: the file holds no CRFsuite model of two labels.
    """
    for _, argument, _ in pickletools.genops(path.read_bytes()):
        if isinstance(argument, str) and argument.startswith("lCRF"):
            return _decode(argument.encode("latin-1"), path)
    raise ModelError(f"{path} holds no CRFsuite model; reinstall pyvi 0.1.1")


def _decode(data: bytes, path: Path) -> CrfWeights:
    magic, _, _, _, _, _, _, at_features, at_labels, at_attributes, at_label_refs, at_attribute_refs = _HEADER.unpack_from(data)
    labels = _dictionary(data, at_labels)
    if magic != b"lCRF" or sorted(labels.values()) != ["B_W", "I_W"]:
        raise ModelError(f"{path} is not a model of the labels B_W and I_W; reinstall pyvi 0.1.1")
    (count,) = _U32.unpack_from(data, at_features + 8)
    features = [_FEATURE.unpack_from(data, at_features + 12 + 20 * i) for i in range(count)]
    inside = next(i for i, name in labels.items() if name == "I_W")
    state = {
        name: sum(weight if target == inside else -weight for _, _, target, weight in (features[f] for f in refs))
        for name, refs in _references(data, at_attribute_refs, _dictionary(data, at_attributes))
    }
    transition = dict.fromkeys(((a, b) for a in labels for b in labels), 0.0)
    for _, refs in _references(data, at_label_refs, labels):
        for _, source, target, weight in (features[f] for f in refs):
            transition[source, target] = weight
    begin = 1 - inside
    return CrfWeights(
        state,
        transition[begin, begin],
        transition[begin, inside],
        transition[inside, begin],
        transition[inside, inside],
    )


def _dictionary(data: bytes, start: int) -> dict[int, str]:
    """Return id → string of a CQDB chunk (a constant database with an array of offsets by id)."""
    size, _, _, count, backward = struct.unpack_from("<IIIII", data, start + 4)
    names: dict[int, str] = {}
    for i in range(count):
        (offset,) = _U32.unpack_from(data, start + backward + 4 * i)
        if offset:
            number, length = struct.unpack_from("<II", data, start + offset)
            at = start + offset + 8
            names[number] = data[at : at + length].split(b"\0", 1)[0].decode("utf-8")
    if not names or size > len(data):
        raise ModelError("the model's dictionary is damaged; reinstall pyvi 0.1.1")
    return names


def _references(data: bytes, start: int, names: dict[int, str]) -> list[tuple[str, tuple[int, ...]]]:
    """Return (name, feature ids) for each name of a reference chunk."""
    found = []
    for number, name in names.items():
        (offset,) = _U32.unpack_from(data, start + 12 + 4 * number)
        (count,) = _U32.unpack_from(data, offset)
        found.append((name, struct.unpack_from(f"<{count}I", data, offset + 4)))
    return found
