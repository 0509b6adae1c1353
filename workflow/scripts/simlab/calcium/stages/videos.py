"""Rule calcium_video: a movie as a video file."""

from simlab.calcium.perf import PerfTracker
from simlab.calcium.specs import spec_from
from simlab.calcium.video import simulate_video


def write_video(spec, avi, perf):
    """Simulate a movie into a video; `spec` is `specs.video_spec`, `perf` a JSON of timings."""
    tracker = PerfTracker()
    simulate_video(spec_from(spec["recording"]), avi, **spec["video_options"], perf=tracker)
    tracker.to_json(perf)
