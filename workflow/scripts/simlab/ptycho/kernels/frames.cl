// Diffraction frames: patches, exit waves, far field, photon counts.
// The arithmetic is that of gather.py, elementary.py and counter.py, step by step.

#pragma OPENCL FP_CONTRACT OFF

// Patch pixels by bilinear interpolation; global size (N*N, frames).
// weights = (w00, w01, w10, w11); corners = (row, column) of the first pixel.
kernel void gather(global const float2 *planes, const long plane_pixels, const long width,
                   global const long *object, global const long2 *corners,
                   global const float4 *weights, const int n, global float2 *patches)
{
    const long pixel = get_global_id(0), frame = get_global_id(1);
    const long row = corners[frame].x + pixel / n, column = corners[frame].y + pixel % n;
    global const float2 *upper = planes + object[frame] * plane_pixels + row * width + column;
    global const float2 *lower = upper + width;
    const float4 w = weights[frame];
    patches[frame * n * n + pixel] =
        w.x * upper[0] + w.y * upper[1] + w.z * lower[0] + w.w * lower[1];
}

// Exit wave of every mode; global size (N*N, modes, frames).
kernel void illuminate(global const float2 *patches, global const float *real,
                       global const float *imaginary, global float2 *waves)
{
    const long pixel = get_global_id(0), pixels = get_global_size(0);
    const long mode = get_global_id(1), modes = get_global_size(1), frame = get_global_id(2);
    const float2 patch = patches[frame * pixels + pixel];
    const float re = real[mode * pixels + pixel], im = imaginary[mode * pixels + pixel];
    waves[(frame * modes + mode) * pixels + pixel] =
        (float2)(re * patch.x - im * patch.y, re * patch.y + im * patch.x);
}

// Fourier transform of lines of n numbers in place, n = product of `radices`; one group a line,
// groups (lines, images). With A(p, u) = sum_v x[u + (n/L) v] exp(-2 pi i p v / L) a stage of
// radix r leads from L to L r:  A'(p, u) = sum_t A(p mod L, u + m t) exp(-2 pi i p t m / n),
// m = n / (L r)  (Stockham's order: no bit reversal). turns[k] = exp(-2 pi i k / n).
kernel void transform_lines(global float2 *data, const int n, const int line_stride,
                            const int element_stride, global const float2 *turns,
                            global const int *radices, const int stages,
                            local float2 *from, local float2 *to)
{
    const int me = get_local_id(0), workers = get_local_size(0);
    global float2 *line = data + (long)get_group_id(1) * n * n + get_group_id(0) * line_stride;
    for (int i = me; i < n; i += workers)
        from[i] = line[(long)i * element_stride];
    barrier(CLK_LOCAL_MEM_FENCE);
    int done = 1;
    for (int stage = 0; stage < stages; stage++) {
        const int radix = radices[stage], m = n / (done * radix);
        for (int i = me; i < n; i += workers) {
            const int p = i / m, u = i % m;
            local const float2 *term = from + (p % done) * (n / done) + u;
            const int step = p * m;
            float2 sum = term[0];
            int angle = 0;
            for (int t = 1; t < radix; t++) {
                angle += step;
                angle -= angle >= n ? n : 0;
                const float2 w = turns[angle], a = term[t * m];
                sum += (float2)(w.x * a.x - w.y * a.y, w.x * a.y + w.y * a.x);
            }
            to[i] = sum;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        local float2 *swap = from;
        from = to;
        to = swap;
        done *= radix;
    }
    for (int i = me; i < n; i += workers)
        line[(long)i * element_stride] = from[i];
}

#ifdef DOUBLE_PRECISION

constant ulong GOLDEN = 0x9E3779B97F4A7C15UL;
constant double LN2_HIGH = 0x1.62e42fee00000p-1, LN2_LOW = 0x1.a39ef35793c76p-33;
constant double LOG2_E = 0x1.71547652b82fep+0, SQRT_HALF = 0x1.6a09e667f3bcdp-1;
constant double TWO_PI = 0x1.921fb54442d18p+2;

// Elements of the counter stream, see counter.py.
double uniform_number(ulong z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
    z = z ^ (z >> 31);
    return (double)(long)(z >> 11) * 0x1p-53;
}

double exponential(double x)
{
    const double n = rint(x * LOG2_E);
    const double r = (x - n * LN2_HIGH) - n * LN2_LOW;
    double t = 0.0, factorial = 6227020800.0;
    for (int k = 13; k > 1; k--) {
        t = t * r + 1.0 / factorial;
        factorial /= k;
    }
    return (1.0 + (r + r * r * t)) * as_double((long)((long)n + 1023) << 52);
}

double logarithm(double x)
{
    const ulong bits = as_ulong(x);
    double e = (double)((long)(bits >> 52) - 1022);
    double m = as_double((bits & 0x000FFFFFFFFFFFFFUL) | 0x3FE0000000000000UL);
    if (m < SQRT_HALF) {
        m = m + m;
        e = e - 1.0;
    }
    const double f = m - 1.0, q = f / (2.0 + f), q2 = q * q;
    double t = 0.0;
    for (int k = 23; k > 1; k -= 2)
        t = t * q2 + 2.0 / k;
    return e * LN2_HIGH + (f - (q * (f - q2 * t) - e * LN2_LOW));
}

double inversion(double rate, double u)
{
    if (u <= 1.0 - rate)
        return 0.0;
    double p = exponential(-rate), s = p, k = 0.0;
    while (u >= s) {
        k += 1.0;
        p *= rate / k;
        const double grown = s + p;
        if (grown == s)
            break;
        s = grown;
    }
    return k;
}

double transformed_rejection(double rate, ulong z, constant double *stirling_of_few)
{
    const double b = 0.931 + 2.53 * sqrt(rate), a = -0.059 + 0.02483 * b;
    for (;; z += 2 * GOLDEN) {
        const double u = uniform_number(z) - 0.5, v = uniform_number(z + GOLDEN);
        const double us = 0.5 - fabs(u);
        if (us == 0.0)
            continue;
        const double k = floor((2.0 * a / us + b) * u + rate + 0.43);
        if (us >= 0.07 && v <= 0.9277 - 3.6224 / (b - 2.0))
            return k;
        if (k < 0.0 || (us < 0.013 && v > us))
            continue;
        if (v == 0.0)
            return k;
        const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        const double above_0 = fmax(k, 1.0), r = 1.0 / above_0, r2 = r * r;
        const double d = k < 16.0 ? stirling_of_few[(int)k]
            : r * (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260 - r2 * (1.0 / 1680 - r2 * (1.0 / 1188)))));
        const double hat = v * inverse_alpha / (a / (us * us) + b);
        if (logarithm(hat * sqrt(TWO_PI * above_0)) <= (k - rate) + k * logarithm(rate / above_0) - d)
            return k;
    }
}

// Expected counts in the stored order: sum_k |F_k|^2 scale + background, 0 where not valid;
// global size (N*N, frames).
kernel void expect(global const float2 *fields, const int n, const int modes,
                   global const double *scales, const double background,
                   global const uchar *valid, global double *expected)
{
    const int pixel = get_global_id(0), half_side = n / 2;
    const long frame = get_global_id(1);
    const int row = (pixel / n + half_side) % n, column = (pixel % n + half_side) % n;
    double sum = 0.0;
    for (int mode = 0; mode < modes; mode++) {
        const float2 field = fields[(frame * modes + mode) * n * n + (long)row * n + column];
        const double re = field.x, im = field.y;
        sum += (re * re + im * im) * scales[frame];
    }
    expected[frame * n * n + pixel] = valid[pixel] ? sum + background : 0.0;
}

// Poisson counts in place of their expectations, the negative of those that cannot be sampled;
// global size (pixels, frames).
kernel void count_photons(global double *counts, const ulong key, const ulong first_frame,
                          const double small_rate, const double largest_rate,
                          constant double *stirling_of_few)
{
    const ulong pixel = get_global_id(0), pixels = get_global_size(0), frame = get_global_id(1);
    const ulong z = key + (((first_frame + frame) * pixels + pixel) * 256 + 1) * GOLDEN;
    global double *here = counts + frame * pixels + pixel;
    const double rate = *here;
    if (!(rate <= largest_rate))
        *here = -rate;
    else if (rate < small_rate)
        *here = rate > 0.0 ? inversion(rate, uniform_number(z)) : rate;
    else
        *here = transformed_rejection(rate, z, stirling_of_few);
}

#endif
