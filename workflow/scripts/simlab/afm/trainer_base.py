"""What both trainers share: tips, callbacks, random draws, batches."""

import math

import numpy as np

from simlab.afm.arguments import finite, sequence, whole
from simlab.afm.errors import AfmConfigError
from simlab.afm.placement import check_reference
from simlab.afm.species import atomic_number, getAtomsREA
from simlab.afm.trainer_draws import RandomDraws
from simlab.afm.trainer_samples import Pass, Sample
from simlab.core.config import nearest
from simlab.core.random import check_seed, generator

RNG_MODES = ("philox", "legacy")
TIP_CHARGES = 4
"""Point charges of a tip."""


class BatchTrainer(RandomDraws):
    """Base of the trainers: iterates over batches of simulated samples.

    Subclasses override the callbacks `on_batch_start`, `on_sample_start`, `on_afm_start` and
    `on_afm_end`, which may use and change

    * afmulator, aux_maps, distAbove, distAboveActive, counter (index of the sample),
    * xyzs (n, 3), qs (n,), Zs (n,), REAs (n, 4) of the sample, Xs (images of the last tip),
    * rng, the random generator of the sample.

    What a sample changes does not reach the next one; what `on_batch_start` changes holds for its
    batch. An engine that does many scans at once gets those of a batch together unless
    `on_afm_end` is overridden; `Xs` is then not set.
    """

    SAMPLE = ("xyzs", "qs", "Zs", "REAs", "counter")
    """Attributes that belong to a sample."""

    def __init__(
        self,
        afmulator,
        aux_maps,
        batch_size,
        distAbove,
        iZPPs,
        Qs,
        QZs,
        *,
        tipStiffnesses=None,
        tipR0s=None,
        distance_reference,
        ignore_elements=(),
        seed=0,
        rng="philox",
        sample_offset=0,
    ):
        if rng not in RNG_MODES:
            hint = nearest(rng, RNG_MODES)
            raise AfmConfigError(f"afm: rng: {rng!r}{hint}; expected one of {', '.join(RNG_MODES)}")
        check_seed(seed)
        self.batch_size = whole("batch_size", batch_size, 1)
        self.sample_offset = whole("sample_offset", sample_offset, 0)
        self.distAbove = finite("distAbove", distAbove)
        self.iZPPs = [atomic_number(element) for element in sequence("iZPPs", iZPPs)]
        if not self.iZPPs:
            raise AfmConfigError("afm: iZPPs: empty; expected at least one tip")
        self.Qs, self.QZs = self._charges("Qs", Qs), self._charges("QZs", QZs)
        self.tipStiffnesses = self._per_tip("tipStiffnesses", tipStiffnesses)
        self.tipR0s = self._per_tip("tipR0s", tipR0s)
        tilt = math.hypot(*afmulator.tipR0[:2])
        for length in self.tipR0s:
            if length is not None and finite("tipR0s", length) <= tilt:
                raise AfmConfigError(
                    f"afm: tipR0s: {length}; expected lengths > {tilt:g} Å, the tilt of the "
                    "AFMulator's tipR0"
                )
        self.distance_reference = check_reference(distance_reference)
        self.ignored = {atomic_number(element) for element in ignore_elements}
        self.seed, self._legacy = seed, rng == "legacy"
        self.afmulator = afmulator
        self.aux_maps = self._checked_maps(aux_maps)
        self.distAboveActive = self.distAbove
        self.counter = 0
        self.rng = np.random if self._legacy else generator(seed, "afm.sample", sample_offset)
        self.xyzs = self.qs = self.Zs = self.REAs = self.Xs = None
        self._constructed = self._state()

    def _checked_maps(self, aux_maps):
        aux_maps = sequence("aux_maps", aux_maps)
        for aux_map in aux_maps:
            if not callable(aux_map):
                raise AfmConfigError(
                    f"afm: aux_maps: {aux_map!r}; expected image descriptors, see AuxMaps"
                )
            if getattr(aux_map, "scanner", self.afmulator.scanner) is not self.afmulator.scanner:
                raise AfmConfigError(
                    f"afm: aux_maps: {type(aux_map).__name__} belongs to another scanner; expected "
                    "the scanner of the trainer's AFMulator"
                )
            if hasattr(aux_map, "maps"):
                aux_map.maps = self.afmulator.scanner.engine.maps
        return aux_maps

    def _per_tip(self, name, values):
        if values is None:
            return [None] * len(self.iZPPs)
        values = sequence(name, values)
        if len(values) != len(self.iZPPs):
            raise AfmConfigError(
                f"afm: {name}: {len(values)} entries; expected {len(self.iZPPs)}, as many as iZPPs"
            )
        return values

    def _charges(self, name, values):
        """Values (4,) of each tip as tuples; None stays None."""
        if values is None:
            return None
        rows = []
        for row in self._per_tip(name, values):
            try:
                numbers = np.array(row, np.float64)
            except (TypeError, ValueError):
                numbers = np.empty(0)
            if numbers.shape != (TIP_CHARGES,) or not np.isfinite(numbers).all():
                raise AfmConfigError(
                    f"afm: {name}: {row!r}; expected {TIP_CHARGES} finite numbers for each tip"
                )
            rows.append(numbers.tolist())
        return rows

    # Callbacks.

    def on_batch_start(self):
        """Called before the first sample of a batch."""

    def on_sample_start(self):
        """Called when a sample has been loaded and centered."""

    def on_afm_start(self):
        """Called before each simulation, when the tip is set and the distance applied."""

    def on_afm_end(self):
        """Called after each simulation; `Xs` holds its images and may be replaced."""

    # Iteration.

    def __iter__(self):
        """Begin with the first sample again."""
        self._rewind()
        return self._batches()

    def _batches(self):
        try:
            while True:
                try:
                    batch = next(self)
                except StopIteration:
                    return
                yield batch
        finally:
            self.close()

    def __next__(self):
        """The next batch; StopIteration when no sample is left."""
        first = self.counter
        if not self._has_sample(first):
            raise StopIteration
        self._restore(self._constructed)
        if not self._legacy:
            self.rng = generator(self.seed, "afm.batch", self.sample_offset + first)
        self.on_batch_start()
        samples = list(self._run(first, first + self.batch_size))
        self.counter = first + len(samples)
        return self._stacked(samples)

    def simulate(self, first, last):
        """Simulate samples first to last - 1 one by one, without `on_batch_start`.

        Each sample is the same as in a batch, wherever it begins (`rng="legacy"`: draws are taken
        from numpy's global generator as they come).

        Yields
        ------
        Sample
        """
        first, last = whole("first", first, 0), whole("last", last, 0)
        counter, done = self.counter, first
        self._restore(self._constructed)
        try:
            for sample in self._run(first, last):
                done += 1
                yield sample
        finally:
            self.counter = counter
        if done < last:
            raise AfmConfigError(f"afm: last: {last}; expected at most {done}, no sample is left")

    def _run(self, first, last):
        state = self._state()
        together = self._scans_together()
        at_once = self.batch_size if together else 1
        index = first
        try:
            while index < last:
                prepared = []
                while index < last and len(prepared) < at_once and self._has_sample(index):
                    self._restore(state)
                    self.counter = index
                    if not self._legacy:
                        number = self.sample_offset + index
                        self.rng = generator(self.seed, "afm.sample", number)
                    prepared.append(self._passes(together))
                    index += 1
                if not prepared:
                    return
                if together:
                    self._scan([run for runs, _ in prepared for run in runs])
                for runs, attributes in prepared:
                    yield self._finished(runs, attributes)
        finally:
            self._restore(self._constructed)

    def _scans_together(self):
        """Whether the engine wants many scans at once, and no callback waits for each."""
        wanted = getattr(self.afmulator.scanner.engine, "batched", False)
        own = getattr(self.on_afm_end, "__func__", None)
        return wanted and own is BatchTrainer.on_afm_end

    def _scan(self, runs):
        results = self.afmulator.scanner.engine.scan([run.job for run in runs])
        for run, result in zip(runs, results, strict=True):
            run.result, run.images = result, result.df

    def _passes(self, together):
        """One pass of each tip over the sample `counter`, and the attributes of the sample.

        The scans are done, or with `together` only prepared.
        """
        self._load()
        self.handle_positions()
        self.on_sample_start()
        charges, length = self.qs, float(self.afmulator.tipR0[2])
        stiffness = self.afmulator.tipStiffness
        runs = []
        for tip in range(len(self.iZPPs)):
            self.qs = charges.copy() if isinstance(charges, np.ndarray) else charges
            self._set_tip(tip, length, stiffness)
            self.handle_distance()
            self._set_window()
            self.on_afm_start()
            if runs and not together:
                # Only the last scan is looked at again, and its force field may be large.
                runs[-1].job = None
            runs.append(self._pass(together))
        return runs, {name: getattr(self, name) for name in self.SAMPLE}

    def _pass(self, together):
        afmulator = self.afmulator
        given, named = self._call()
        run = Pass(
            np.array(afmulator.scan_window, np.float64),
            float(self.distAboveActive),
            np.array(afmulator.tipR0, np.float64),
            int(afmulator.df_steps),
        )
        if together:
            afmulator.check_scan_window()
            afmulator.prepareFF(*given, **named)
            run.job = afmulator.job()
            return run
        self.Xs = afmulator(*given, **named)
        run.job, run.result = afmulator.scanner.job, afmulator.scanner.result
        self.on_afm_end()
        run.images = np.asarray(self.Xs, np.float32)
        return run

    def _finished(self, runs, attributes):
        """The Sample of passes that are done."""
        self._resume(attributes)
        scanner = self.afmulator.scanner
        if scanner.job is not runs[-1].job:
            scanner.keep(runs[-1].job, runs[-1].result)
        Y = [np.asarray(image, np.float32) for image in self._descriptors()]
        results = [run.result for run in runs]
        return Sample(
            X=np.stack([run.images for run in runs]),
            Y=Y,
            mol=self._molecule(),
            scan_windows=np.array([run.window for run in runs]),
            distAbove=np.array([run.distance for run in runs]),
            tipR0=np.array([run.tipR0 for run in runs]),
            df_steps=np.array([run.df_steps for run in runs]),
            n_fallback=sum(int(result.n_fallback) for result in results),
            n_unconverged=sum(int(result.n_unconverged) for result in results),
            left_box=any(bool(result.left_box) for result in results) or bool(scanner.left_box),
            height_missed=any(getattr(aux_map, "missed", False) for aux_map in self.aux_maps),
        )

    def _resume(self, attributes):
        vars(self).update(attributes)

    def _set_tip(self, tip, length, stiffness):
        afmulator = self.afmulator
        afmulator.iZPP = self.iZPPs[tip]
        if self.Qs is not None and self.QZs is not None:
            afmulator.setQs(self.Qs[tip], self.QZs[tip])
        own = self.tipStiffnesses[tip]
        afmulator.setStiffness(stiffness if own is None else own)
        own = self.tipR0s[tip]
        tilt = np.array(afmulator.tipR0, np.float64)[:2]
        afmulator.tipR0 = [*tilt.tolist(), length if own is None else float(own)]
        afmulator.judge_elements(self.Zs)
        self.REAs = getAtomsREA(self.iZPPs[tip], self.Zs, afmulator.typeParams)

    # State of the simulator, which callbacks may change.

    def _state(self):
        afmulator = self.afmulator
        return {
            "distAboveActive": self.distAboveActive,
            "tip": afmulator.tip_state(),
            "geometry": afmulator.geometry_state(),
        }

    def _restore(self, state):
        self.distAboveActive = state["distAboveActive"]
        self.afmulator.restore_tip(state["tip"])
        self.afmulator.restore_geometry(state["geometry"])

    def _rewind(self):
        self.counter = 0

    def close(self):
        """Release what an iteration holds."""
