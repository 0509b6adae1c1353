// Relaxation and strokes in the exact field of atoms, in double precision; see direct.py.

#ifdef cl_khr_fp64

typedef struct {
    double fe[4], jacobian[3][3];
} Exact;

inline void add_pair(Exact *f, const double *d, double energy, double radial, double slope)
{
    for (int u = 0; u < 3; u++) {
        f->fe[u] += radial * d[u];
        f->jacobian[u][u] += radial;
        for (int v = 0; v < 3; v++)
            f->jacobian[u][v] += 2.0 * slope * d[u] * d[v];
    }
    f->fe[3] += energy;
}

// atoms: x, y, z, C12 (R), C6 (eps), unused (alpha), charge times Coulomb constant, unused.
// tips: height, charge of each tip charge.
void exact_field(const double *p, global const double *atoms, int count, global const double *tips,
                 int tip_count, int morse, Exact *f)
{
    for (int u = 0; u < 4; u++)
        f->fe[u] = 0.0;
    for (int u = 0; u < 3; u++)
        for (int v = 0; v < 3; v++)
            f->jacobian[u][v] = 0.0;
    for (int a = 0; a < count; a++) {
        global const double *atom = atoms + 8 * a;
        double d[3] = {p[0] - atom[0], p[1] - atom[1], p[2] - atom[2]};
        const double s = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + 1e-6, i2 = 1.0 / s;
        double energy, radial, slope;
        if (morse) {
            const double r = sqrt(s), e = exp(atom[5] * (r - atom[3])), alpha = atom[5];
            energy = atom[4] * e * (e - 2.0);
            radial = 2.0 * alpha * atom[4] * e * (1.0 - e) / r;
            slope = (alpha * alpha * atom[4] * e * (1.0 - 2.0 * e) - radial / 2.0) * i2;
        } else {
            const double i6 = i2 * i2 * i2;
            energy = (atom[3] * i6 - atom[4]) * i6;
            radial = (12.0 * atom[3] * i6 - 6.0 * atom[4]) * i6 * i2;
            slope = (24.0 * atom[4] - 84.0 * atom[3] * i6) * i6 * i2 * i2;
        }
        add_pair(f, d, energy, radial, slope);
        for (int t = 0; t < tip_count; t++) {
            d[2] = p[2] - atom[2] + tips[2 * t];
            const double n2 = 1.0 / (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + 1e-6);
            const double e = tips[2 * t + 1] * atom[6] * sqrt(n2);
            add_pair(f, d, e, e * n2, -1.5 * e * n2 * n2);
        }
    }
}

// |F|^2 at anchor + d with the spring: rows S (3 x 3), s0, K_r, R of `c`.
double exact_total(const double *anchor, const double *d, global const double *c,
                   global const double *atoms, int count, global const double *tips, int tip_count,
                   int morse, Exact *f, double *total)
{
    const double p[3] = {anchor[0] + d[0], anchor[1] + d[1], anchor[2] + d[2]};
    exact_field(p, atoms, count, tips, tip_count, morse, f);
    const double radius = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    const double pull = c[12] * (1.0 - c[13] / radius);
    const double bend = c[12] * c[13] / (radius * radius * radius);
    double ff = 0.0;
    for (int u = 0; u < 3; u++) {
        total[u] = f->fe[u] - c[9 + u] + pull * d[u];
        for (int v = 0; v < 3; v++) {
            total[u] += c[3 * u + v] * d[v];
            f->jacobian[u][v] += c[3 * u + v] + bend * d[u] * d[v];
        }
        f->jacobian[u][u] += pull;
        ff += total[u] * total[u];
    }
    return ff;
}

// Global size (ny, nx). frame: first anchor, steps along x, y and down. axes: rest displacement,
// direction of the measured force. grid: origin, inverse steps (row-major), for `extents` only.
kernel void direct_df(global const double *atoms, const int count, global const double *tips,
                      const int tip_count, const int morse, global const double *frame,
                      global const double *c, global const double *axes,
                      global const double *grid, global const double *weights, const int terms,
                      const int newton, const int nx, const int ny, const int nz, const int keep,
                      global int *counts, global int *extents, global double *measured,
                      global float *df, global float4 *forces, global float *paths)
{
    const int iy = get_global_id(0), ix = get_global_id(1);
    if (iy >= ny || ix >= nx)
        return;
    const int pixel = ix * ny + iy, stride = nx * ny, slices = nz - terms + 1;
    double previous[3], before[3], d[3], total[3];
    for (int u = 0; u < 3; u++)
        previous[u] = before[u] = axes[u];
    Exact f;
    for (int iz = 0; iz < nz; iz++) {
        double anchor[3], ff = INFINITY;
        for (int u = 0; u < 3; u++) {
            anchor[u] = frame[u] + ix * frame[3 + u] + iy * frame[6 + u] + iz * frame[9 + u];
            d[u] = iz > 1 ? previous[u] + (previous[u] - before[u]) : previous[u];
        }
        for (int step = 0; newton && step < 50; step++) {
            ff = exact_total(anchor, d, c, atoms, count, tips, tip_count, morse, &f, total);
            if (ff < 1e-18 || !(ff < INFINITY))
                break;
            double move[3], minors[3][3], det = 0.0, along = 0.0;
            for (int u = 0; u < 3; u++)
                for (int v = 0; v < 3; v++) {
                    const int a = (u + 1) % 3, b = (u + 2) % 3, k = (v + 1) % 3, l = (v + 2) % 3;
                    minors[u][v] = f.jacobian[a][k] * f.jacobian[b][l]
                        - f.jacobian[a][l] * f.jacobian[b][k];
                }
            for (int u = 0; u < 3; u++)
                det += f.jacobian[0][u] * minors[0][u];
            for (int u = 0; u < 3; u++) {
                move[u] = -(minors[0][u] * total[0] + minors[1][u] * total[1]
                            + minors[2][u] * total[2]) / det;
                along += move[u] * total[u];
            }
            if (!(along > 0.0))
                for (int u = 0; u < 3; u++)
                    move[u] = 0.5 * total[u];
            const double size = sqrt(move[0] * move[0] + move[1] * move[1] + move[2] * move[2]);
            for (int u = 0; u < 3; u++)
                d[u] += move[u] * fmin(1.0, 0.2 / size);
        }
        if (newton && !(ff < 1e-18))
            atomic_inc(counts);
        if (!(ff < 1e-18)) {
            double velocity[3] = {0.0, 0.0, 0.0}, dt = 0.5, damp = 0.1;
            for (int u = 0; u < 3; u++)
                d[u] = previous[u];
            for (int step = 0; step < 1000; step++) {
                ff = exact_total(anchor, d, c, atoms, count, tips, tip_count, morse, &f, total);
                if (ff < 1e-14 || !(ff < INFINITY))
                    break;
                double vv = 0.0, vf = 0.0;
                for (int u = 0; u < 3; u++) {
                    vv += velocity[u] * velocity[u];
                    vf += velocity[u] * total[u];
                }
                const double turn = vf < 0.0 ? 0.0 : damp * sqrt(vv / (ff + 1e-8));
                const double rest = vf < 0.0 ? 0.0 : 1.0 - damp;
                dt = vf < 0.0 ? fmax(0.05, 0.5 * dt) : fmin(0.5, 1.1 * dt);
                damp = vf < 0.0 ? 0.1 : 0.99 * damp;
                for (int u = 0; u < 3; u++) {
                    velocity[u] = rest * velocity[u] + turn * total[u] + dt * total[u];
                    d[u] += dt * velocity[u];
                }
            }
        }
        if (!(ff <= 1e-6))
            atomic_inc(counts + 1);
        double vertical = 0.0;
        for (int u = 0; u < 3; u++) {
            double place = 0.0;
            for (int v = 0; v < 3; v++)
                place += (anchor[v] + d[v] - grid[v]) * grid[3 + 3 * v + u];
            place = floor(place);
            if (fabs(place) < 1e6) {
                atomic_min(extents + u, (int)place);
                atomic_max(extents + 3 + u, (int)place);
            }
            vertical += axes[3 + u] * f.fe[u];
            before[u] = previous[u];
            previous[u] = d[u];
        }
        measured[iz * stride + pixel] = vertical;
        if (keep) {
            const int point = pixel * nz + iz;
            forces[point] = (float4)((float)f.fe[0], (float)f.fe[1], (float)f.fe[2], (float)f.fe[3]);
            vstore3((float3)((float)d[0], (float)d[1], (float)d[2]), point, paths);
        }
    }
    for (int j = 0; j < slices; j++) {
        double sum = 0.0;
        for (int i = 0; i < terms; i++)
            sum += measured[(j + i) * stride + pixel] * weights[i];
        df[pixel * slices + j] = (float)sum;
    }
}

// Strokes of ziso in the exact field; frame: first place, steps along x, y and down; direction.
kernel void direct_ziso(global const double *atoms, const int count, global const double *tips,
                        const int tip_count, const int morse, global const double *frame,
                        const double iso, const int nx, const int ny, const int end,
                        global float *zeta)
{
    const int iy = get_global_id(0), ix = get_global_id(1);
    if (iy >= ny || ix >= nx)
        return;
    double before = 0.0;
    Exact f;
    for (int i = 0; i < end; i++) {
        double p[3];
        for (int u = 0; u < 3; u++)
            p[u] = frame[u] + ix * frame[3 + u] + iy * frame[6 + u] + i * frame[9 + u];
        exact_field(p, atoms, count, tips, tip_count, morse, &f);
        const double now = frame[12] * f.fe[0] + frame[13] * f.fe[1] + frame[14] * f.fe[2];
        if (i > 0 && now / iso > 1.0) {
            zeta[ix * ny + iy] = (float)(i + (iso - before) / (now - before));
            return;
        }
        before = now;
    }
}

#endif
