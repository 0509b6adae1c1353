"""Normal and Poisson numbers that depend only on a key, a frame, a pixel and a stream.

Blocks of Philox4x32-10 (Salmon et al., SC 2011) become normals by a 256-layer ziggurat
(Marsaglia and Tsang, J. Stat. Softw. 5(8), 2000) on 23-bit magnitudes, and Poisson numbers by
inversion or transformed rejection (Hörmann, Insurance: Math. Econ. 12, 39, 1993).
"""

import math

import numpy as np
from numba import njit

U4, U8 = np.uint32, np.uint64
TAIL = 3.6541528853610088
"""Start of the ziggurat's tail, r."""
AREA = 0.00492867323399
"""Area of each of its layers, v."""
MAGNITUDES = 2.0**23


def ziggurat_tables():
    """Tables of the ziggurat: (KI uint32, WI float32, FI float64), 256 values each.

    KI are the magnitudes accepted at once, WI the width of one magnitude, FI the density at the
    layer's edge (1 at the top).
    """
    KI, WI, FI = np.zeros(256, U4), np.zeros(256, np.float32), np.zeros(256)
    edge = TAIL
    base = AREA / math.exp(-0.5 * edge * edge)
    KI[0], KI[1] = math.floor(edge / base * MAGNITUDES), 0
    WI[0], WI[255] = base / MAGNITUDES, edge / MAGNITUDES
    FI[0], FI[255] = 1.0, math.exp(-0.5 * edge * edge)
    for i in range(254, 0, -1):
        inner = math.sqrt(-2.0 * math.log(AREA / edge + math.exp(-0.5 * edge * edge)))
        KI[i + 1] = math.floor(inner / edge * MAGNITUDES)
        FI[i] = math.exp(-0.5 * inner * inner)
        WI[i] = inner / MAGNITUDES
        edge = inner
    return KI, WI, FI


KI, WI, FI = ziggurat_tables()


def round_keys(key):
    """Keys of the 10 rounds of Philox, uint32 (10, 2), for a key of 2 words."""
    steps = np.arange(10, dtype=np.uint64)[:, np.newaxis] * np.array([0x9E3779B9, 0xBB67AE85], U8)
    return (np.asarray(key, U8) + steps).astype(U4)


@njit(cache=True, nogil=True, error_model="numpy")
def philox(c0, c1, c2, c3, keys):
    """Block of 4 words for a counter of 4 words, all uint32; keys as of `round_keys`."""
    for r in range(keys.shape[0]):
        p, q = U8(0xD2511F53) * U8(c0), U8(0xCD9E8D57) * U8(c2)
        c0, c1 = U4(q >> U8(32)) ^ c1 ^ keys[r, 0], U4(q)
        c2, c3 = U4(p >> U8(32)) ^ c3 ^ keys[r, 1], U4(p)
    return c0, c1, c2, c3


@njit(cache=True, nogil=True, error_model="numpy")
def uniform(word):
    """Uniform number of the open interval (0, 1) for a uint32 word, float64."""
    return (np.float64(word) + 0.5) / 4294967296.0


@njit(cache=True, nogil=True, error_model="numpy")
def rejected_normal(word, pixel, frame, stream, keys):
    """Normal number, float32, for a word that the ziggurat does not accept at once."""
    quad, lane = U4(pixel >> 2), U4(pixel & 3)
    attempt = U4(1)
    while True:
        layer = word & U4(255)
        magnitude = word >> U4(9)
        x = np.float32(magnitude) * WI[layer]
        if magnitude >= KI[layer]:
            block = philox(quad, U4((attempt << U4(8)) | lane), U4(frame), U4(stream), keys)
            attempt = U4(attempt + U4(1))
            if layer == 0:
                beyond = -math.log(uniform(block[0])) / TAIL
                while -2.0 * math.log(uniform(block[1])) <= beyond * beyond:
                    counter = U4((attempt << U4(8)) | lane)
                    block = philox(quad, counter, U4(frame), U4(stream), keys)
                    attempt = U4(attempt + U4(1))
                    beyond = -math.log(uniform(block[0])) / TAIL
                x = np.float32(TAIL + beyond)
            else:
                height = FI[layer] + (FI[layer - 1] - FI[layer]) * uniform(block[0])
                if height >= math.exp(-0.5 * np.float64(x) * np.float64(x)):
                    word = block[2]
                    continue
        return -x if (word >> U4(8)) & U4(1) else x


@njit(cache=True, nogil=True, error_model="numpy")
def fill_blocks(first, frame, stream, keys, a, b, c, d):
    """Blocks (first + j, 0, frame, stream) of Philox into the uint32 words a[j], b[j], c[j], d[j].

    All blocks go through a round before the next round: loops that compilers turn into vectors.
    """
    n = a.shape[0]
    for j in range(n):
        a[j], b[j], c[j], d[j] = U4(first + j), U4(0), U4(frame), U4(stream)
    for r in range(keys.shape[0]):
        k0, k1 = keys[r, 0], keys[r, 1]
        for j in range(n):
            p, q = U8(0xD2511F53) * U8(a[j]), U8(0xCD9E8D57) * U8(c[j])
            odd, even = b[j], d[j]
            a[j], b[j] = U4(q >> U8(32)) ^ odd ^ k0, U4(q)
            c[j], d[j] = U4(p >> U8(32)) ^ even ^ k1, U4(p)


@njit(cache=True, nogil=True, error_model="numpy")
def look_up(words, x):
    """Normals `x` of `words`; a word that is accepted becomes 0, the others stay."""
    for j in range(words.shape[0]):
        word = words[j]
        layer = word & U4(255)
        magnitude = word >> U4(9)
        value = np.float32(np.int32(magnitude)) * WI[layer]
        x[j] = -value if (word >> U4(8)) & U4(1) else value
        words[j] = U4(magnitude >= KI[layer]) * word


@njit(cache=True, nogil=True, error_model="numpy")
def fill_normals(first, frame, stream, keys, words, lanes, z):
    """Normals of the pixels first, first + 1, ... of one frame.

    Parameters
    ----------
    first, frame, stream : int
        First pixel (row * width + column), frame number, stream tag.
    keys : uint32 (10, 2)
        See `round_keys`.
    words : uint32 (4, m)
        Scratch, m >= n // 4 + 2.
    lanes : float32 (4 * m,)
        Scratch.
    z : float32 (n,)
        Written.
    """
    n = z.shape[0]
    quad = first >> 2
    m = ((first + n - 1) >> 2) - quad + 1
    a, b, c, d = words[0, :m], words[1, :m], words[2, :m], words[3, :m]
    fill_blocks(quad, frame, stream, keys, a, b, c, d)
    xa, xb, xc, xd = lanes[:m], lanes[m : 2 * m], lanes[2 * m : 3 * m], lanes[3 * m : 4 * m]
    look_up(a, xa)
    look_up(b, xb)
    look_up(c, xc)
    look_up(d, xd)
    for j in range(m):
        if a[j] | b[j] | c[j] | d[j]:
            for lane in range(4):
                word = words[lane, j]
                if word:
                    pixel = 4 * (quad + j) + lane
                    lanes[lane * m + j] = rejected_normal(word, pixel, frame, stream, keys)
    if first & 3 or n & 3:
        start = first & 3
        for i in range(n):
            p = start + i
            z[i] = lanes[(p & 3) * m + (p >> 2)]
    else:
        for j in range(m):
            z[4 * j] = xa[j]
            z[4 * j + 1] = xb[j]
            z[4 * j + 2] = xc[j]
            z[4 * j + 3] = xd[j]


@njit(cache=True, nogil=True, error_model="numpy")
def poisson(mean, pixel, frame, keys):
    """Poisson number, float64, of one pixel and frame (stream 1); 0 for a mean <= 0.

    Inversion below a mean of 10, transformed rejection (PTRS) from there on.
    """
    if mean <= 0.0:
        return 0.0
    if mean < 10.0:
        return _poisson_by_inversion(mean, pixel, frame, keys)
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    squeeze = 0.9277 - 3.6224 / (b - 2.0)
    log_inverse_alpha = math.log(1.1239 + 1.1328 / (b - 3.4))
    log_mean = math.log(mean)
    attempt = 0
    while True:
        block = philox(U4(pixel), U4(attempt >> 1), U4(frame), U4(1), keys)
        for half in range(2):
            u = uniform(block[2] if half else block[0]) - 0.5
            v = uniform(block[3] if half else block[1])
            w = 0.5 - abs(u)
            k = math.floor((2.0 * a / w + b) * u + mean + 0.43)
            if w >= 0.07 and v <= squeeze:
                return k
            if k < 0.0 or (w < 0.013 and v > w):
                continue
            density = k * log_mean - mean - math.lgamma(k + 1.0)
            if math.log(v) + log_inverse_alpha - math.log(a / (w * w) + b) <= density:
                return k
        attempt += 2


@njit(cache=True, nogil=True, error_model="numpy")
def _poisson_by_inversion(mean, pixel, frame, keys):
    block = philox(U4(pixel), U4(0), U4(frame), U4(1), keys)
    u, k, probability = uniform(block[0]), 0.0, math.exp(-mean)
    while u > probability and k < 1000.0:
        u -= probability
        k += 1.0
        probability *= mean / k
    return k


def warm():
    """Compile the kernels of this module."""
    words, keys = np.empty((4, 2), U4), round_keys((0, 0))
    fill_normals(0, 0, 0, keys, words, np.empty(8, np.float32), np.empty(1, np.float32))
    poisson(1.0, 0, 0, keys)
