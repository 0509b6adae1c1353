"""Rule calcium_video: a movie as a video file."""

from simlab.calcium.perf import PerfTracker
from simlab.calcium.specs import spec_from
from simlab.calcium.stages.scenes import CHUNK_FRAMES
from simlab.calcium.video import simulate_video


def write_video(spec, avi, perf):
    """Simulate a movie into a video; `spec` is `specs.video_spec`, `perf` a JSON of timings."""
    tracker = PerfTracker()
    recording, options = spec_from(spec["recording"]), spec["video_options"]
    # with a tracker, whole chunks are in memory as real numbers
    simulate_video(recording, avi, chunk_frames=CHUNK_FRAMES, **options, perf=tracker)
    tracker.to_json(perf)
