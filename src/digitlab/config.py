"""`TrainConfig`: everything that decides a training, frozen and checked on construction."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Self

from digitlab.errors import ConfigError
from digitlab.runs.regular_file import open_regular
from digitlab.runs.user_path import user_path
from digitlab.text import cut, shortened

MAX_UNITS = 16_384
# Of a file of settings, in bytes: the time of Python's TOML parser grows with the square of a dotted key's length.
LONGEST_FILE = 10_000
# Of a key that is compared with the known ones.
LONGEST_NAME = 60


SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class Distortion:
    """How every training image is changed anew in every epoch, as another hand might have written it.

    Args:
        bend: How strongly it is turned, scaled, slanted, shifted and bent; 1 is the usual.
        thickness: How far its strokes are made thinner or thicker; 1 is a pixel on either side.
        strokes: The share of the 1s that get a hook, and of the 7s that get a bar.
        stretch: The share that is made wider, up to where the digit fills its frame.
    """

    bend: float = 0.0
    thickness: float = 0.0
    strokes: float = 0.0
    stretch: float = 0.0

    def __bool__(self) -> bool:
        return any(strength > 0 for strength in dataclasses.astuple(self))


UNDISTORTED = Distortion()


@dataclass(frozen=True)
class TrainConfig:
    """What a network is and how it is trained. The defaults are the preset ``document``.

    Args:
        preset: The name of the preset this started from; a label, nothing is looked up by it.
        hidden_units: Units of each hidden layer, first to last. Empty for softmax regression.
        learning_rate: Adam's step size, above 0.
        batch_size: Images per update.
        epochs: The most epochs to train; early stopping may end sooner.
        patience: Epochs without a lower ``val_loss`` before training stops; 0 never stops early.
        validation_fraction: Share of the training split held out, stratified, to choose the epoch
            on. 0 trains on everything and keeps the last epoch.
        dropout: Share of each hidden layer's units silenced in every training step; 0 silences none.
        distortion: How strongly every image is bent anew in every epoch, as another hand might have written
            it; 0 takes it as it is, 1 is the usual.
        thickness: How far, at most, strokes are made thinner or thicker anew in every epoch; 1 is a pixel on
            either side.
        strokes: The share of the 1s that get a hook, half of them a foot too, and of the 7s that get a bar, anew
            in every epoch; for classes called 0 to 9 alone.
        stretch: The share of the images that are made wider anew in every epoch, up to where the digit fills its
            frame, as scanners and forms do that know no proportions.
        batch_normalization: Whether each hidden layer is normalised over the batch (Ioffe, Szegedy 2015); the
            exported network has it folded into its weights.
        schedule: What becomes of the learning rate: ``"constant"``, or ``"cosine"``, which rises over the first
            twentieth of the epochs and falls to nothing by the last (Loshchilov, Hutter 2017).
        averaging: Decay per update of the running average of the weights that is kept in place of the last
            ones (Polyak, Juditsky 1992), 0.999, say; 0 keeps the last. It wants a patience of 0.
        label_smoothing: Share of each label that is spread over all classes (Szegedy et al. 2016).
        weight_decay: Share of every weight (biases aside) taken off per unit of learning rate and update
            (Loshchilov, Hutter 2019); 0 takes off none.
        teacher: A run folder or a ``.keras`` file whose network's answers to each image, as it is bent, become a part
            of the image's label (Hinton, Vinyals, Dean 2015); empty for none.
        distillation: The share of each label that is the teacher's; above 0 where there is a teacher. A training's
            own loss and accuracy are then those of the mixed labels.
        members: Networks that are trained, each from a seed of its own, and whose probabilities are averaged; 1 for
            a single network. More than one want a patience of 0.
        shard_images: Images that are in memory at once, a multiple of `batch_size`, for sets larger than memory: an
            epoch is trained in shards, which are dealt anew each time; 0 for all images at once.
        seed: Decides the validation split, the initial weights, every epoch's order, what dropout silences
            and how images are bent.

    Raises:
        ConfigError: A value of the wrong type or outside its range.
    """

    preset: str = "document"
    hidden_units: tuple[int, ...] = (256, 128)
    learning_rate: float = 1e-3
    batch_size: int = 32
    epochs: int = 50
    patience: int = 3
    validation_fraction: float = 0.1
    dropout: float = 0.0
    distortion: float = 0.0
    thickness: float = 0.0
    strokes: float = 0.0
    stretch: float = 0.0
    batch_normalization: bool = False
    schedule: str = "constant"
    averaging: float = 0.0
    label_smoothing: float = 0.0
    weight_decay: float = 0.0
    teacher: str = ""
    distillation: float = 0.0
    members: int = 1
    shard_images: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        units = self.hidden_units
        if not isinstance(units, tuple) or not all(type(u) is int and 1 <= u <= MAX_UNITS for u in units):
            raise _wrong("hidden_units", f"a tuple of whole numbers from 1 to {MAX_UNITS}", units)
        _check_number("learning_rate", self.learning_rate, above=0.0, to=100.0)
        _check_number("validation_fraction", self.validation_fraction, at_least=0.0, to=0.9)
        _check_number("dropout", self.dropout, at_least=0.0, to=0.95)
        _check_number("distortion", self.distortion, at_least=0.0, to=5.0)
        _check_number("thickness", self.thickness, at_least=0.0, to=1.0)
        _check_number("strokes", self.strokes, at_least=0.0, to=1.0)
        _check_number("stretch", self.stretch, at_least=0.0, to=1.0)
        _check_number("averaging", self.averaging, at_least=0.0, to=0.999999)
        _check_number("label_smoothing", self.label_smoothing, at_least=0.0, to=0.9)
        _check_number("weight_decay", self.weight_decay, at_least=0.0, to=100.0)
        _check_number("distillation", self.distillation, at_least=0.0, to=1.0)
        _check_count("batch_size", self.batch_size, 1, 1_000_000)
        _check_count("epochs", self.epochs, 1, 100_000)
        _check_count("patience", self.patience, 0, 100_000)
        _check_count("members", self.members, 1, 1000)
        _check_count("shard_images", self.shard_images, 0, 2**31 - 1)
        _check_count("seed", self.seed, 0, 2**31 - 1)
        if type(self.batch_normalization) is not bool:
            raise _wrong("batch_normalization", "true or false", self.batch_normalization)
        if self.schedule not in SCHEDULES:
            raise _wrong("schedule", " or ".join(map(repr, SCHEDULES)), self.schedule)
        if type(self.teacher) is not str or bool(self.teacher) != (self.distillation > 0):
            raise ConfigError(
                f"expected a teacher and a share of the labels for it, got teacher = {shortened(self.teacher)} and "
                f"distillation = {self.distillation:g}",
                hint="set both, such as distillation = 0.5, or neither",
            )
        if self.shard_images % self.batch_size:
            nearest = max(1, round(self.shard_images / self.batch_size)) * self.batch_size
            raise ConfigError(
                f"shard_images: expected a multiple of batch_size, {self.batch_size}, got {self.shard_images}",
                hint=f"a shard is made of whole batches; set shard_images = {nearest}",
            )
        if self.averaging and self.stops_early:
            raise ConfigError(
                "averaging keeps the average of all epochs, and patience would choose one of them",
                hint="set patience = 0, or averaging = 0",
            )
        if self.members > 1 and self.stops_early:
            raise ConfigError(
                f"the {self.members} members of a committee are trained for as many epochs each, and patience would "
                "choose others for each",
                hint="set patience = 0, or members = 1",
            )

    @property
    def stops_early(self) -> bool:
        """Whether the epoch is chosen by ``val_loss``; it cannot be without a validation split."""
        return self.patience > 0 and self.validation_fraction > 0

    @property
    def distortions(self) -> Distortion:
        """What becomes of each image."""
        return Distortion(self.distortion, self.thickness, self.strokes, self.stretch)

    @property
    def shape(self) -> str:
        """What decides the compiled program of a training: equal for networks that can share one."""
        undecided = ("preset", "learning_rate", "schedule", "epochs", "patience", "validation_fraction", "seed")
        return repr([value for name, value in self.to_dict().items() if name not in undecided])

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for JSON; `from_mapping` reads it back."""
        return {**dataclasses.asdict(self), "hidden_units": list(self.hidden_units)}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Build from TOML, JSON or the command line.

        Raises:
            ConfigError: An unknown key, named with the nearest known one, or an impossible value.
        """
        return cls().replace(**values)

    def replace(self, **changes: Any) -> Self:
        """A copy with some values changed; the same checks apply.

        Raises:
            ConfigError: An unknown key, named with the nearest known one, or an impossible value.
        """
        known = [field.name for field in dataclasses.fields(self)]
        for key in changes:
            if key not in known:
                raise _unknown("configuration key", key, known)
        if isinstance(changes.get("hidden_units"), list):
            changes["hidden_units"] = tuple(changes["hidden_units"])
        return dataclasses.replace(self, **changes)


def preset_names() -> list[str]:
    """The presets that ship with digitlab."""
    folder = resources.files("digitlab").joinpath("presets")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_preset(name: str) -> TrainConfig:
    """The configuration of a shipped preset.

    Raises:
        ConfigError: No such preset; the nearest name is in the hint.
    """
    if name not in preset_names():
        raise _unknown("preset", name, preset_names())
    text = resources.files("digitlab").joinpath("presets", f"{name}.toml").read_text(encoding="utf-8")
    return TrainConfig.from_mapping({"preset": name, **tomllib.loads(text)})


def load_config_file(path: Path, base: TrainConfig | None = None) -> TrainConfig:
    """`base` with the differences that a TOML file states; a ``preset`` key in it chooses the base.

    Raises:
        ConfigError: The file is missing, is not TOML, or holds an unknown key or impossible value.
    """
    values = read_toml(path, "settings", "learning_rate = 0.001")
    if "preset" in values:
        preset = values.pop("preset")
        if not isinstance(preset, str):
            raise _wrong("preset", "a preset's name", preset)
        base = load_preset(preset)
    return (base or TrainConfig()).replace(**values)


def read_toml(path: Path, what: str, example: str) -> dict[str, Any]:
    """A TOML file's values.

    Args:
        path: The file.
        what: What it should state, for the error.
        example: A line of such a file, for the hint.

    Raises:
        ConfigError: The file is missing or is not TOML.
    """
    path = user_path(path)
    hint = f"a line of it looks like: {example}"
    try:
        with open_regular(path) as file:
            content = file.read(LONGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: expected a TOML file of {what}, got: {getattr(error, 'strerror', None) or error}", hint=hint
        ) from error
    if len(content) > LONGEST_FILE:
        raise ConfigError(
            f"{path}: expected a TOML file of {what} of at most {LONGEST_FILE:,} bytes, got a longer one", hint=hint
        )
    try:
        return tomllib.loads(content.decode())
    except (UnicodeDecodeError, ValueError, RecursionError) as error:  # ValueError: a number of thousands of digits too
        raise ConfigError(f"{path}: expected a TOML file of {what}, got: {cut(str(error), 200)}", hint=hint) from error


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """A hint that names the known name nearest to `name`, or all of them where none is near."""
    names = list(known)
    nearest = difflib.get_close_matches(name[:LONGEST_NAME], names, n=1, cutoff=0.4)
    return f"did you mean {nearest[0]!r}?" if nearest else f"known are: {', '.join(names)}"


def _check_number(
    key: str, value: object, *, above: float | None = None, at_least: float | None = None, to: float
) -> None:
    low = f"from {at_least}" if above is None else f"above {above}"
    expected = f"a number {low} to {to}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(key, expected, value)
    low_enough = value <= to
    high_enough = value > above if above is not None else value >= (at_least or 0.0)
    if not (low_enough and high_enough):  # also refuses NaN, which compares false with everything
        raise _wrong(key, expected, value)


def _check_count(key: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise _wrong(key, f"a whole number from {low} to {high}", value)


def _wrong(key: str, expected: str, came: object) -> ConfigError:
    return ConfigError(f"{key}: expected {expected}, got {shortened(came)}", hint=f"change {key} and run again")


def _unknown(what: str, name: str, known: Iterable[str]) -> ConfigError:
    return ConfigError(f"unknown {what} {shortened(name)}", hint=nearest_hint(name, known))
