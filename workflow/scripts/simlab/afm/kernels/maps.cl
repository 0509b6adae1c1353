// Image descriptors: one work-item a pixel (global size ny, nx), the functions of maps.py.
//
// Coordinates count from the first pixel, so that single precision does not lose any of them.
// `out` holds the background and is drawn upon.

#define PIXEL                                                                                     \
    const int j = get_global_id(0), i = get_global_id(1);                                        \
    if (j >= ny || i >= nx)                                                                       \
        return;                                                                                   \
    const int pixel = i * ny + j;                                                                 \
    const float x = xs[i], y = ys[j];

// Highest sphere of each channel; global size (ny, nx, channels). atoms: x, y, z, r.
kernel void aux_spheres(global const float *xs, global const float *ys, const int nx, const int ny,
                        global const float4 *atoms, const int count, global const int *channels,
                        const int n_channels, global float *out)
{
    PIXEL
    const int k = get_global_id(2);
    if (k >= n_channels)
        return;
    float top = out[pixel * n_channels + k];
    for (int a = 0; a < count; a++) {
        const float4 atom = atoms[a];
        const float dx = x - atom.x, dy = y - atom.y;
        const float h2 = atom.w * atom.w - dx * dx - dy * dy;
        if (channels[a] == k && atom.w > 0.0f && h2 >= 0.0f)
            top = fmax(top, atom.z + sqrt(h2));
    }
    out[pixel * n_channels + k] = top;
}

// Spheres that fade into `floor` before rho = end r.
kernel void aux_caps(global const float *xs, global const float *ys, const int nx, const int ny,
                     global const float4 *atoms, const int count, const float ground,
                     const float end, const float width, global float *out)
{
    PIXEL
    float top = out[pixel];
    for (int a = 0; a < count; a++) {
        const float4 atom = atoms[a];
        const float dx = x - atom.x, dy = y - atom.y;
        const float rho2 = dx * dx + dy * dy, h2 = atom.w * atom.w - rho2;
        if (!(atom.w > 0.0f) || h2 < 0.0f)
            continue;
        const float s = clamp((sqrt(rho2) / atom.w - (end - width)) / width, 0.0f, 1.0f);
        const float shown = 1.0f - s * s * (3.0f - 2.0f * s);
        top = fmax(top, ground + (atom.z + sqrt(h2) - ground) * shown);
    }
    out[pixel] = top;
}

// Sum of cones of weight z and radius w.
kernel void aux_disks(global const float *xs, global const float *ys, const int nx, const int ny,
                      global const float4 *atoms, const int count, global float *out)
{
    PIXEL
    float sum = out[pixel];
    for (int a = 0; a < count; a++) {
        const float4 atom = atoms[a];
        const float dx = x - atom.x, dy = y - atom.y;
        const float rho = sqrt(dx * dx + dy * dy);
        if (rho < atom.w)
            sum += atom.z * (1.0f - rho / atom.w);
    }
    out[pixel] = sum;
}

// Sum of cones of radius 2 c, hidden where another atom is higher. atoms: x, y, depth, r; c apart.
kernel void aux_occluded_disks(global const float *xs, global const float *ys, const int nx,
                               const int ny, global const float4 *atoms, const int count,
                               global const float *covalent, const float ground,
                               const float margin, const float dzmax, global float *out)
{
    PIXEL
    float top = ground, sum = out[pixel];
    for (int a = 0; a < count; a++) {
        const float4 atom = atoms[a];
        const float dx = x - atom.x, dy = y - atom.y;
        top = fmax(top, 2.0f * atom.w - (dx * dx + dy * dy) / (atom.w * atom.w) - atom.z);
    }
    for (int a = 0; a < count; a++) {
        const float4 atom = atoms[a];
        const float dx = x - atom.x, dy = y - atom.y, reach = 2.0f * covalent[a];
        const float rho2 = dx * dx + dy * dy, rho = sqrt(rho2);
        const float height = 2.0f * atom.w - rho2 / (atom.w * atom.w) - atom.z;
        const float shown = 1.0f - (top - height) / margin;
        if (shown > 0.0f && rho < reach && atom.z < dzmax)
            sum += (1.0f - atom.z / dzmax) * (1.0f - rho / reach) * shown;
    }
    out[pixel] = sum;
}

// Cubic Hermite spline; node k + 1 is at u = k.
inline float profile(global const float *samples, float u)
{
    const int i = (int)u;
    const float s = u - i, y0 = samples[i], y1 = samples[i + 1];
    const float y2 = samples[i + 2], y3 = samples[i + 3];
    const float left = 0.5f * (y2 - y0), right = 0.5f * (y3 - y1);
    return (1.0f + s * s * (2.0f * s - 3.0f)) * y1 + s * s * (3.0f - 2.0f * s) * y2
        + s * (1.0f - s) * ((1.0f - s) * left - s * right);
}

// Strongest profile w f(rho). atoms: x, y, w, unused.
kernel void aux_rfunc(global const float *xs, global const float *ys, const int nx, const int ny,
                      global const float4 *atoms, const int count, global const float *samples,
                      const int nodes, const float step, const float reach, global float *out)
{
    PIXEL
    float top = out[pixel];
    for (int a = 0; a < count; a++) {
        const float4 atom = atoms[a];
        const float dx = x - atom.x, dy = y - atom.y;
        const float rho = sqrt(dx * dx + dy * dy);
        if (rho < reach)
            top = fmax(top, atom.z * profile(samples, fmin(rho / step, nodes - 4.0f)));
    }
    out[pixel] = top;
}

// Strongest bond. bonds: x1, y1, z1, length, direction x, y, slope, unused; none of length 0.
kernel void aux_bonds(global const float *xs, global const float *ys, const int nx, const int ny,
                      global const float8 *bonds, const int count, const float zmin,
                      const float ellipticity, global const float *samples, const int nodes,
                      const float step, const float reach, global float *out)
{
    PIXEL
    float top = out[pixel];
    for (int b = 0; b < count; b++) {
        const float8 bond = bonds[b];
        const float dx = x - bond.s0, dy = y - bond.s1;
        const float c = dx * bond.s4 + dy * bond.s5, across = dy * bond.s4 - dx * bond.s5;
        const float along = ellipticity * (c - 0.5f * bond.s3), z = bond.s2 + bond.s6 * c;
        const float r = sqrt(across * across + along * along);
        if (r < reach && z > zmin) {
            const float depth = fmax((zmin - z) / zmin, 0.0f);
            top = fmax(top, depth * profile(samples, fmin(r / step, nodes - 4.0f)));
        }
    }
    out[pixel] = top;
}

// Vertical field of point charges over each pixel at height zs. atoms: x, y, z, q.
kernel void aux_es(global const float *xs, global const float *ys, const int nx, const int ny,
                   global const float *zs, global const float4 *atoms, const int count,
                   const float factor, const float soft, global float *out)
{
    PIXEL
    float sum = 0.0f;
    for (int a = 0; a < count; a++) {
        const float4 atom = atoms[a];
        const float dx = x - atom.x, dy = y - atom.y, dz = zs[pixel] - atom.z;
        const float d2 = dx * dx + dy * dy + dz * dz + soft;
        sum += atom.w * dz / (d2 * sqrt(d2));
    }
    out[pixel] = factor * sum;
}

// Sum of amplitude / (rho^2 + depth^2 + width^2). atoms: x, y, depth, unused.
kernel void aux_lorentz(global const float *xs, global const float *ys, const int nx, const int ny,
                        global const float4 *atoms, const int count, const float amplitude,
                        const float width, global float *out)
{
    PIXEL
    float sum = 0.0f;
    for (int a = 0; a < count; a++) {
        const float4 atom = atoms[a];
        const float dx = x - atom.x, dy = y - atom.y;
        sum += amplitude / (dx * dx + dy * dy + atom.z * atom.z + width * width);
    }
    out[pixel] = sum;
}
