"""Single frames and windows of movies: read from recordings, or rendered from scenes."""

from collections import OrderedDict

import numpy as np

from simlab.core.dataset import Index
from simlab.core.errors import ConfigError, MissingFileError
from simlab.core.samples import OpenFile, SampleFiles, runs_of

KEPT_SCENES = 2
"""Scenes that a process keeps; one of 600 x 600 px and 150 s takes about 100 MB."""
ARRAYS = ("observed", "clean")


class FrameIndex(Index):
    """Frames or windows of the recordings of an Index, in their order.

    `id` is that of the recording and the number of the first frame, `position` this number.

    Parameters
    ----------
    recordings : Index
    lengths : list of int
        Frames of each.
    frames, stride : int
        Length of a window; distance from one to the next.
    """

    def __init__(self, recordings, lengths, frames, stride):
        self.recordings, self.stride = recordings, stride
        counts = [max(0, (length - frames) // stride + 1) for length in lengths]
        self.ends = np.cumsum(counts, dtype=np.int64)
        self._starts = self.ends - counts
        self._recorded = [file for file, _ in recordings.places(slice(None))]
        super().__init__(recordings.header, ())

    def count(self):
        """Windows of all recordings."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def _located(self, numbers):
        """(numbers of the recordings, first frames) of windows."""
        recordings = np.searchsorted(self.ends, numbers, side="right")
        return recordings, (numbers - self._starts[recordings]) * self.stride

    def row(self, number):
        """Window `number`: the row of its recording, with its own id and position."""
        recording, first = self._located(number)
        row = self.recordings[recording]
        return {**row, "id": f"{row['id']}-{first}", "position": str(first)}

    def places(self, items):
        """(file of the recording, first frame) of the windows `items`, a list."""
        recordings, firsts = self._located(self.numbers[items])
        files = [self._recorded[recording] for recording in recordings.tolist()]
        return list(zip(files, firsts.tolist(), strict=True))

    def split_numbers(self):
        """Split of each window, (n,) places in SPLITS."""
        numbers = self.recordings.split_numbers()[self.recordings.numbers]
        return np.repeat(numbers, np.diff(self.ends, prepend=0))


class FrameFiles(SampleFiles):
    """Reads or renders frames.

    Parameters
    ----------
    folder : path
    arrays : iterable of str, optional
        `observed`, `clean`.
    frames : int, optional
        Length of a window; None: single frames.
    clean : bool
        Render frames before digitization too.
    """

    def __init__(self, folder, arrays=None, frames=None, clean=False):
        super().__init__(folder, arrays)
        self.frames = frames
        there = ARRAYS if clean else ARRAYS[:1]
        self._names = there if self.arrays is None else self.arrays
        if clean and "clean" not in self._names:
            raise ConfigError(f"{folder}: clean is True, and arrays leave it out")
        for name in self._names:
            if name not in there:
                raise ConfigError(
                    f"{folder}: no array {name!r} of frames, known: {', '.join(there)}"
                )

    def samples_of(self, file, positions):
        """Samples of a recording that begin at the frames `positions`."""
        if self.frames is None:
            samples = [None] * len(positions)
            for first, stop, numbers in runs_of(positions):
                blocks = self._blocks(file, first, stop)
                for number in numbers:
                    k = positions[number] - first
                    samples[number] = {name: block[k] for name, block in blocks.items()}
            return samples
        return [self._blocks(file, first, first + self.frames) for first in positions]

    def _blocks(self, file, first, stop):
        """{name: frames first ... stop - 1} of a recording."""
        path = self.folder / file
        stored = path.suffix == ".h5" and path.is_file()
        blocks = {}
        for name in self._names:
            if name == "clean":
                blocks[name] = self._renderer(path).clean(first, stop)
            elif stored:
                blocks[name] = self.opened(file).block(name, first, stop)
            else:
                blocks[name] = self._counting_renderer(path).frames(first, stop)
        return blocks

    def is_missing(self, file):
        """Never: frames of absent recordings are rendered, and what that needs is told apart."""
        return False

    def open(self, path):
        """The movie of a recording."""
        return OpenFile(path, ("observed",))

    def _renderer(self, recording):
        key = recording.stem
        if key in self._scenes:
            self._scenes.move_to_end(key)
        else:
            self._scenes[key] = self._made_renderer(recording)
            while len(self._scenes) > KEPT_SCENES:
                self._scenes.popitem(last=False)
        return self._scenes[key]

    def _counting_renderer(self, recording):
        renderer = self._renderer(recording)
        if renderer.sequential:
            raise MissingFileError(
                f"{recording}: missing, and its frames cannot be rendered one by one: its noise is "
                "drawn in their order (ext.sensor_noise sequential)"
            )
        return renderer

    def _made_renderer(self, recording):
        scene, spec = (
            self.folder / "scenes" / f"{recording.stem}.h5",
            self.folder / "specs" / f"{recording.stem}.json",
        )
        if not (scene.is_file() or spec.is_file()):
            raise MissingFileError(
                f"{recording}: missing, and neither {scene} nor {spec} is there to render it from"
            )
        # what simulates takes seconds to import
        from simlab.calcium.render import Renderer
        from simlab.calcium.scene import build_scene
        from simlab.calcium.scene_types import Scene, parse_spec

        if scene.is_file():
            return Renderer(Scene.load(scene))
        return Renderer(build_scene(parse_spec(spec.read_text())))

    def _forget(self):
        super()._forget()
        self._scenes = OrderedDict()

    def __getstate__(self):
        return {key: value for key, value in super().__getstate__().items() if key != "_scenes"}
