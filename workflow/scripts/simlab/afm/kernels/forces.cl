// Forces on the points of regions of a grid: atoms, dispersion, gradients, shifted fields.
//
// A launch works on many regions at once. Region r is described by regions[r]; a point is float4 =
// Fx, Fy, Fz (eV/A), E (eV), z fastest. A work-item handles LANES consecutive points along z, so
// that a CPU has vectors to work on and a GPU (LANES = 1) reads and writes contiguously. Atoms are
// summed in their order: no bit depends on the other regions of the launch.
//
// Coordinates come as pairs (high, low) of floats whose sum is exact to double precision: the
// difference of a point and an atom is then as good as if it were taken in double precision.

#define LOAD(p) VLOAD(0, p)

inline VF difference(VF high, VF low, float atom_high, float atom_low)
{
    return (high - atom_high) + (low - atom_low);
}

// Write or add LANES points from index k of a column that ends at `end`.
inline void put(global float4 *column, int k, int end, int add, VF x, VF y, VF z, VF e)
{
    for (int n = 0; n < LANES; n++) {
        if (k + n >= end)
            return;
        const float4 value = (float4)(LANE(x, n), LANE(y, n), LANE(z, n), LANE(e, n));
        column[k + n] = add ? column[k + n] + value : value;
    }
}

// Lennard-Jones and Coulomb field whose tip charges sit whole grid steps apart: the field C of the
// charges on a unit charge is computed once on columns that are longer by the shifts (`reach`
// points, `below` of them under the first), F = F_LJ + sum_t Q_t C(z + QZ_t).
// Work-groups (points, columns, 1); a group makes `chunk` points of each of its columns.
// atoms: x, y, z high, x, y, z low (A), C12, C6, unused, charge times Coulomb constant.
kernel void ff_lj_pc(global const Region *regions, global const float *axes,
                     global const float *atoms, global const int *shifts,
                     global const float *tip_charges, global const uchar *columns,
                     const int count, const int widest, const int energy, global float4 *out,
                     local float *coulomb)
{
    const int entry = get_global_id(2) / widest, i = get_global_id(2) % widest;
    const int j = get_global_id(1), g = get_local_id(0), points = get_local_size(0) * LANES;
    const int known = entry < count;
    global const Region *r = regions + (known ? entry : 0);
    const int chunk = points - r->reach, first = get_group_id(0) * chunk;
    int active = known && i < r->nx && j < r->ny && first < r->nz;
    if (active && r->mask >= 0)
        active = columns[r->mask + i * r->ny + j];
    local float *cx = coulomb + 4 * points * get_local_id(1);
    local float *cy = cx + points, *cz = cy + points, *ce = cz + points;
    VF fx = 0.0f, fy = 0.0f, fz = 0.0f, fe = 0.0f;
    if (active) {
        const float xh = axes[r->x + i], xl = axes[r->x + r->xs + i];
        const float yh = axes[r->y + j], yl = axes[r->y + r->ys + j];
        const VF zh = LOAD(axes + r->z + first + g * LANES);
        const VF zl = LOAD(axes + r->z + r->zs + first + g * LANES);
        VF ux = 0.0f, uy = 0.0f, uz = 0.0f, ue = 0.0f;
        for (int a = r->first; a < r->last; a++) {
            global const float *atom = atoms + 10 * a;
            const float dx = (xh - atom[0]) + (xl - atom[3]);
            const float dy = (yh - atom[1]) + (yl - atom[4]);
            const VF dz = difference(zh, zl, atom[2], atom[5]);
            const float c12 = atom[6], c6 = atom[7], q = atom[9];
            const VF i2 = 1.0f / (dx * dx + dy * dy + SOFTENING + dz * dz);
            const VF i6 = i2 * i2 * i2;
            const VF f = (12.0f * c12 * i6 - 6.0f * c6) * (i6 * i2);
            fx += f * dx;
            fy += f * dy;
            fz += f * dz;
            if (r->tips) {
                const VF e = q * sqrt(i2), h = e * i2;
                ux += h * dx;
                uy += h * dy;
                uz += h * dz;
                ue += e;
            }
            if (energy)
                fe += (c12 * i6 - c6) * i6;
        }
        VSTORE(ux, 0, cx + g * LANES);
        VSTORE(uy, 0, cy + g * LANES);
        VSTORE(uz, 0, cz + g * LANES);
        VSTORE(ue, 0, ce + g * LANES);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (!active)
        return;
    global float4 *column = out + r->out + i * r->plane + j * r->row;
    const int end = min(first + chunk, r->nz);
    for (int n = 0; n < LANES; n++) {
        const int p = g * LANES + n, k = first + p - r->below;
        if (k < first || k >= end)
            continue;
        float4 sum = (float4)(LANE(fx, n), LANE(fy, n), LANE(fz, n), LANE(fe, n));
        for (int t = r->tip; t < r->tip + r->tips; t++) {
            const int s = p + shifts[t];
            const float charge = tip_charges[t];
            sum += charge * (float4)(cx[s], cy[s], cz[s], ce[s]);
        }
        if (!energy)
            sum.w = 0.0f;
        column[k] = r->add ? column[k] + sum : sum;
    }
}

// Field of atoms for any cell, any heights of the tip charges, Lennard-Jones or Morse.
// axes: for each axis of the region the x, y, z parts of its points, high then low.
// atoms: as above, or R, eps, alpha in the place of C12, C6.
kernel void ff_atoms(global const Region *regions, global const float *axes,
                     global const float *atoms, global const float *heights,
                     global const float *tip_charges, global const uchar *columns,
                     const int count, const int widest, const int morse, global float4 *out)
{
    const int entry = get_global_id(2) / widest, i = get_global_id(2) % widest;
    const int j = get_global_id(1), k = get_global_id(0) * LANES;
    if (entry >= count)
        return;
    global const Region *r = regions + entry;
    if (i >= r->nx || j >= r->ny || k >= r->nz)
        return;
    if (r->mask >= 0 && !columns[r->mask + i * r->ny + j])
        return;
    VF fx = 0.0f, fy = 0.0f, fz = 0.0f, fe = 0.0f;
    for (int a = r->first; a < r->last; a++) {
        global const float *atom = atoms + 10 * a;
        VF d[3];
        for (int c = 0; c < 3; c++) {
            global const float *x = axes + r->x + 2 * c * r->xs, *y = axes + r->y + 2 * c * r->ys;
            global const float *z = axes + r->z + 2 * c * r->zs;
            const VF high = ((x[i] - atom[c]) + y[j]) + LOAD(z + k);
            d[c] = high + ((x[r->xs + i] - atom[3 + c]) + y[r->ys + j] + LOAD(z + r->zs + k));
        }
        const VF plane = d[0] * d[0] + d[1] * d[1] + SOFTENING;
        const VF s = plane + d[2] * d[2];
        VF f, e;
        if (morse) {
            const VF radius = sqrt(s), g = exp(atom[8] * (radius - atom[6]));
            f = 2.0f * atom[8] * atom[7] * g * (1.0f - g) / radius;
            e = atom[7] * g * (g - 2.0f);
        } else {
            const VF i2 = 1.0f / s, i6 = i2 * i2 * i2, t = atom[6] * i6;
            f = 6.0f * (t + t - atom[7]) * (i6 * i2);
            e = (t - atom[7]) * i6;
        }
        fx += f * d[0];
        fy += f * d[1];
        fz += f * d[2];
        fe += e;
        for (int t = r->tip; t < r->tip + r->tips; t++) {
            const VF dz = d[2] + heights[t], i2 = 1.0f / (plane + dz * dz);
            e = tip_charges[t] * atom[9] * sqrt(i2);
            f = e * i2;
            fx += f * d[0];
            fy += f * d[1];
            fz += f * dz;
            fe += e;
        }
    }
    put(out + r->out + i * r->plane + j * r->row, k, r->nz, r->add, fx, fy, fz, fe);
}

// Dispersion of atoms. damp 5: Becke-Johnson (D3), zero beyond 20 A; -1 ... 4: the r^-6 attraction
// of a Lennard-Jones pair, see vdw.py. atoms: as above with four coefficients from number 6.
kernel void ff_dispersion(global const Region *regions, global const float *axes,
                          global const float *atoms, global const uchar *columns,
                          const int count, const int widest, global float4 *out)
{
    const int entry = get_global_id(2) / widest, i = get_global_id(2) % widest;
    const int j = get_global_id(1), k = get_global_id(0) * LANES;
    if (entry >= count)
        return;
    global const Region *r = regions + entry;
    if (i >= r->nx || j >= r->ny || k >= r->nz)
        return;
    if (r->mask >= 0 && !columns[r->mask + i * r->ny + j])
        return;
    const float xh = axes[r->x + i], xl = axes[r->x + r->xs + i];
    const float yh = axes[r->y + j], yl = axes[r->y + r->ys + j];
    const VF zh = LOAD(axes + r->z + k), zl = LOAD(axes + r->z + r->zs + k);
    const int damp = r->kind;
    VF fx = 0.0f, fy = 0.0f, fz = 0.0f, fe = 0.0f;
    for (int a = r->first; a < r->last; a++) {
        global const float *atom = atoms + 10 * a;
        const float dx = (xh - atom[0]) + (xl - atom[3]);
        const float dy = (yh - atom[1]) + (yl - atom[4]);
        const VF dz = difference(zh, zl, atom[2], atom[5]);
        const VF r2 = dx * dx + dy * dy + dz * dz;
        const float c = atom[6];
        VF f, e;
        if (damp == 5) {
            const VF r4 = r2 * r2, r6 = r4 * r2;
            const VF inside = PICK(r2 <= 400.0f, (VF)(1.0f), (VF)(0.0f));
            const VF i6 = inside / (r6 + atom[8]), i8 = inside / (r4 * r4 + atom[9]);
            const VF e6 = c * i6, e8 = atom[7] * i8;
            f = -(6.0f * e6 * r4 * i6 + 8.0f * e8 * r6 * i8);
            e = -(e6 + e8);
        } else if (damp == -1) {
            const VF inverse = 1.0f / (r2 + SOFTENING);
            e = -c * inverse * inverse * inverse;
            f = 6.0f * e * inverse;
        } else if (damp == 0) {
            const VF r4 = r2 * r2;
            e = 0.0f;
            f = -6.0f * c / (r4 * r4 + 180.0f * c);
        } else {
            const VF u2 = r2 * atom[7];
            const VF rest = PICK(u2 < 1.0f, 1.0f - u2, (VF)(0.0f)), t = 1.0f / (u2 + 1e-6f);
            VF damping, slope;
            if (damp == 1) {
                damping = 0.5f * rest;
                slope = PICK(u2 < 1.0f, (VF)(-1.0f), (VF)(0.0f));
            } else if (damp == 2) {
                damping = 0.5f * rest * rest;
                slope = -2.0f * rest;
            } else if (damp == 3) {
                damping = 0.03f * t * t;
                slope = -4.0f * damping * t;
            } else {
                damping = 0.01f * t * t * t * t;
                slope = -8.0f * damping * t;
            }
            const VF g = 1.0f / (u2 * u2 * u2 + damping);
            e = -c * g;
            f = e * g * (6.0f * u2 * u2 + slope) * atom[7];
        }
        fx += f * dx;
        fy += f * dy;
        fz += f * dz;
        fe += e;
    }
    put(out + r->out + i * r->plane + j * r->row, k, r->nz, r->add, fx, fy, fz, fe);
}

// -grad E by centered differences, and E; `energies` holds each region with one point more on
// every side. scale: 1 / (2 step) of the three axes of each region, 1/A.
kernel void ff_gradient(global const Region *regions, global const float *energies,
                        global const float *scale, global const uchar *columns, const int count,
                        const int widest, global float4 *out)
{
    const int entry = get_global_id(2) / widest, i = get_global_id(2) % widest;
    const int j = get_global_id(1), k = get_global_id(0);
    if (entry >= count)
        return;
    global const Region *r = regions + entry;
    if (i >= r->nx || j >= r->ny || k >= r->nz)
        return;
    if (r->mask >= 0 && !columns[r->mask + i * r->ny + j])
        return;
    const int row = r->nz + 2, plane = row * (r->ny + 2);
    global const float *e = energies + r->data + (i + 1) * plane + (j + 1) * row + k + 1;
    global const float *s = scale + 3 * entry;
    const float4 value = (float4)((e[-plane] - e[plane]) * s[0], (e[-row] - e[row]) * s[1],
                                  (e[-1] - e[1]) * s[2], e[0]);
    global float4 *point = out + r->out + i * r->plane + j * r->row + k;
    *point = r->add ? *point + value : value;
}

// Value of a periodic grid at cell + fraction, the fraction in [-1, 4).
inline float periodic_value(global const float *grid, int3 n, int3 cell, float3 fraction)
{
    const float3 whole = floor(fraction), t = fraction - whole;
    int3 low = (cell + convert_int3(whole)) % n;
    low += select((int3)(0), n, low < 0);
    const int3 high = select(low + 1, (int3)(0), low + 1 >= n);
    const int p00 = (low.x * n.y + low.y) * n.z, p01 = (low.x * n.y + high.y) * n.z;
    const int p10 = (high.x * n.y + low.y) * n.z, p11 = (high.x * n.y + high.y) * n.z;
    const float v00 = grid[p00 + low.z] + t.z * (grid[p00 + high.z] - grid[p00 + low.z]);
    const float v01 = grid[p01 + low.z] + t.z * (grid[p01 + high.z] - grid[p01 + low.z]);
    const float v10 = grid[p10 + low.z] + t.z * (grid[p10 + high.z] - grid[p10 + low.z]);
    const float v11 = grid[p11 + low.z] + t.z * (grid[p11 + high.z] - grid[p11 + low.z]);
    const float v0 = v00 + t.y * (v01 - v00), v1 = v10 + t.y * (v11 - v10);
    return v0 + t.x * (v1 - v0);
}

// Field of a potential on a turned grid by central differences about the points, and V.
// cells, fractions: place of each index of the three axes of the region in the grid, 3 numbers
// each; the place of a point is the sum of its three. frame: 3 x 3 shifts, 3 x 3 rotation, scale.
kernel void ff_potential(global const Region *regions, global const float *potential,
                         const int4 shape, global const int *cells,
                         global const float *fractions, global const float *frame,
                         global const uchar *columns, global float4 *out)
{
    const int i = get_global_id(2), j = get_global_id(1), k = get_global_id(0);
    global const Region *r = regions;
    if (i >= r->nx || j >= r->ny || k >= r->nz)
        return;
    if (r->mask >= 0 && !columns[r->mask + i * r->ny + j])
        return;
    const int x = i, y = r->nx + j, z = r->nx + r->ny + k;
    const int3 cell = vload3(x, cells) + vload3(y, cells) + vload3(z, cells);
    const float3 at = vload3(x, fractions) + vload3(y, fractions) + vload3(z, fractions);
    float slope[3];
    for (int axis = 0; axis < 3; axis++) {
        const float3 shift = vload3(axis, frame);
        slope[axis] = (periodic_value(potential, shape.xyz, cell, at - shift)
                       - periodic_value(potential, shape.xyz, cell, at + shift)) * frame[18];
    }
    const float3 f = (float3)(slope[0], slope[1], slope[2]);
    out[r->out + i * r->plane + j * r->row + k] =
        (float4)(dot(vload3(3, frame), f), dot(vload3(4, frame), f), dot(vload3(5, frame), f),
                 periodic_value(potential, shape.xyz, cell, at));
}

// Add sum_q Q_q field(z + QZ_q), linear between the planes. `field` has `data` more planes than
// the region; cells, offsets: plane below and distance from it, in steps, of each of the charges.
kernel void ff_shifted(global const Region *regions, global const float4 *field,
                       const int charge_count, global const int *cells,
                       global const float *offsets, global const float *charges,
                       global const uchar *columns, global float4 *out)
{
    const int i = get_global_id(2), j = get_global_id(1), k = get_global_id(0);
    global const Region *r = regions;
    if (i >= r->nx || j >= r->ny || k >= r->nz)
        return;
    if (r->mask >= 0 && !columns[r->mask + i * r->ny + j])
        return;
    global const float4 *column = field + (i * r->ny + j) * (r->nz + r->data) + k;
    float4 sum = (float4)(0.0f);
    for (int q = 0; q < charge_count; q++) {
        const float above = charges[q] * offsets[q], below = charges[q] * (1.0f - offsets[q]);
        sum += below * column[cells[q]] + above * column[cells[q] + 1];
    }
    global float4 *point = out + r->out + i * r->plane + j * r->row + k;
    *point = r->add ? *point + sum : sum;
}
