"""How far two pictures, or two sets of pictures, differ."""

import math

import cv2
import numpy as np

from simlab.lensing.errors import LensError, LensingConfigError
from simlab.lensing.files.picture_sets import open_pictures
from simlab.lensing.files.pictures import write_png
from simlab.lensing.postprocess import center_of_light

PEAK = 255.0
WINDOW = 7
K1, K2 = 0.01, 0.03
RADIUS_STEP = 10
DEFAULT_THRESHOLD = 0.001


def compare_pair(a, b):
    """Measures of the difference of two pictures, on float64 gray levels.

    Parameters
    ----------
    a, b : (h, w) or (h, w, 3) arrays
        Gray levels 0..255.

    Returns
    -------
    dict
        size : int
            Number of values.
        norm, relnorm : float
            sqrt(sum (a - b)^2), and that divided by size.
        minimum, maximum : float
            Of a - b.
        mae, rmse : float
            Mean |a - b|, root of the mean of (a - b)^2.
        psnr : float
            20 lg(255 / rmse), dB; inf for identical pictures.
        ssim : float or None
            Structural similarity (Wang et al. 2004) in a uniform window of 7 x 7 with sample
            covariances, K1 = 0.01, K2 = 0.03; mean over channels. None for pictures too small.
        differing : int
            Number of unequal pixels.
        flux_ratio : float or None
            sum a / sum b; None where only b is dark, 1 where both are.
        centroid_shift : float or None
            Distance of the centers of light, px; None where one is dark, 0 where both are.

    Raises
    ------
    LensError
        For unequal shapes, or what is no picture.
    """
    a, b = _pair(a, b)
    diff = a - b
    norm = float(np.sqrt(np.sum(diff * diff)))
    rmse = norm / math.sqrt(diff.size)
    unequal = diff != 0
    return {
        "size": diff.size,
        "norm": norm,
        "relnorm": norm / diff.size,
        "minimum": float(diff.min()),
        "maximum": float(diff.max()),
        "mae": float(np.abs(diff).mean()),
        "rmse": rmse,
        "psnr": 20 * math.log10(PEAK / rmse) if rmse else math.inf,
        "ssim": _ssim(a, b),
        "differing": int(np.count_nonzero(unequal.any(axis=2) if a.ndim == 3 else unequal)),
        "flux_ratio": _flux_ratio(float(a.sum()), float(b.sum())),
        "centroid_shift": _centroid_shift(a, b),
    }


def masked_norms(a, b):
    """Norms of the difference inside discs around the center.

    Parameters
    ----------
    a, b : as of compare_pair

    Returns
    -------
    list of dict
        radius, size (values inside), norm and relnorm for the radii 10, 20, ... below half the
        shorter side, px; discs as OpenCV fills them.
    """
    a, b = _pair(a, b)
    squares = (a - b) ** 2
    h, w = a.shape[:2]
    norms = []
    for radius in range(RADIUS_STEP, math.ceil(min(h, w) / 2), RADIUS_STEP):
        disc = np.zeros((h, w), np.uint8)
        cv2.circle(disc, (w // 2, h // 2), radius, 1, -1)
        inside = squares[disc > 0]
        norm = float(np.sqrt(inside.sum()))
        norms.append(
            {"radius": radius, "size": inside.size, "norm": norm, "relnorm": norm / inside.size}
        )
    return norms


def difference_picture(a, b):
    """floor((a - b + 256)/2) as uint8: gray where they agree."""
    a, b = _pair(a, b)
    return np.clip(np.floor((a - b + 256) / 2), 0, 255).astype(np.uint8)


def compare_sets(
    a, b, *, masked=False, threshold=DEFAULT_THRESHOLD, bgr=False, fail_above=0.0, diff_folder=None
):
    """Compare pictures of the same name, or rows of the same index.

    Parameters
    ----------
    a, b : path or list of paths
        Folders of pictures, pictures, image shards, or folders or lists of such shards.
    masked : bool
        Also the norms inside discs, where their relnorm is above `threshold`.
    threshold : float
    bgr : bool
        Count gray pictures as three equal channels, as the original program does.
    fail_above : float
        Largest norm that counts as equal.
    diff_folder : path, optional
        Where difference pictures go, under the names of `a`.

    Returns
    -------
    dict
        pairs : list of dict
            `name` and compare_pair (and `masked`), the largest relnorm first.
        summary : dict
            n, n_bad (norm above `fail_above`), max_norm, mean_rmse, worst (name or None).
        errors : list of str
            Partners that are missing, pictures of unequal shape.

    Raises
    ------
    RowsError
        For a folder or file that holds no pictures.
    LensingConfigError
        If one is a set of pictures and the other one of shards.
    """
    with open_pictures(a) as first, open_pictures(b) as second:
        if first.by_index != second.by_index:
            raise LensingConfigError(
                f"{first.name} and {second.name}: one holds files with names, the other rows with "
                "an index, two of a kind are expected"
            )
        errors = [
            f"{first.names[key]}: only in {first.name}" for key in first.names.keys() - second.names
        ]
        errors += [
            f"{second.names[key]}: only in {second.name}"
            for key in second.names.keys() - first.names
        ]
        pairs = []
        for key, name in first.names.items():
            if key not in second.names:
                continue
            pictures = [_channels(s.read(key), bgr) for s in (first, second)]
            if pictures[0].shape != pictures[1].shape:
                shapes = " and ".join("x".join(map(str, p.shape)) for p in pictures)
                errors.append(f"{name}: shapes {shapes} differ")
                continue
            pairs.append(_compared(name, pictures, masked, threshold))
            if diff_folder is not None:
                write_png(
                    diff_folder / f"{name.rsplit('.', 1)[0]}.png", difference_picture(*pictures)
                )
    pairs.sort(key=lambda pair: (-pair["relnorm"], pair["name"]))
    return {"pairs": pairs, "summary": _summary(pairs, fail_above), "errors": sorted(errors)}


def _compared(name, pictures, masked, threshold):
    pair = {"name": name, **compare_pair(*pictures)}
    if masked:
        pair["masked"] = [n for n in masked_norms(*pictures) if n["relnorm"] > threshold]
    return pair


def _summary(pairs, fail_above):
    norms = [pair["norm"] for pair in pairs]
    return {
        "n": len(pairs),
        "n_bad": sum(norm > fail_above for norm in norms),
        "max_norm": max(norms, default=0.0),
        "mean_rmse": math.fsum(pair["rmse"] for pair in pairs) / max(len(pairs), 1),
        "worst": max(pairs, key=lambda pair: pair["norm"])["name"] if pairs else None,
    }


def _channels(picture, bgr):
    return np.repeat(picture[:, :, None], 3, axis=2) if bgr and picture.ndim == 2 else picture


def _pair(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    for picture in (a, b):
        if picture.ndim not in (2, 3) or not picture.size:
            raise LensError(f"an array of shape {picture.shape} is no picture")
    if a.shape != b.shape:
        raise LensError(f"pictures of shapes {a.shape} and {b.shape} cannot be compared")
    return a, b


def _flux_ratio(a, b):
    if b:
        return a / b
    return None if a else 1.0


def _centroid_shift(a, b):
    dark = [not picture.any() for picture in (a, b)]
    if any(dark):
        return 0.0 if all(dark) else None
    return float(abs(center_of_light(a) - center_of_light(b)))


def _ssim(a, b):
    if min(a.shape[:2]) < WINDOW:
        return None
    if a.ndim == 3:
        return float(np.mean([_ssim(a[:, :, k], b[:, :, k]) for k in range(a.shape[2])]))
    mean_a, mean_b = _mean(a), _mean(b)
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    var_a = unbiased * (_mean(a * a) - mean_a**2)
    var_b = unbiased * (_mean(b * b) - mean_b**2)
    covariance = unbiased * (_mean(a * b) - mean_a * mean_b)
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    edge = WINDOW // 2
    return float(similarity[edge:-edge, edge:-edge].mean())


def _mean(picture):
    return cv2.blur(picture, (WINDOW, WINDOW))
