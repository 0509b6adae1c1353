// Newton relaxation, LANES pixels of a row a work-item; see newton.py and relax.cl. Each lane is
// computed as if it were alone.

#define NEWTON_STEPS 20

typedef struct {
    VF x, y, z;
} Vectors;

// Value and derivatives by x, y, z of one field component from its 8 corners (dz, dy, dx in the
// order of the bits).
inline VF blend(private const float (*corner)[LANES], VF tx, VF ty, VF tz, Vectors *slope)
{
    VF a = VLOAD(0, corner[0]), b = VLOAD(0, corner[2]);
    VF c = VLOAD(0, corner[4]), d = VLOAD(0, corner[6]);
    const VF da = VLOAD(0, corner[1]) - a, db = VLOAD(0, corner[3]) - b;
    const VF dc = VLOAD(0, corner[5]) - c, dd = VLOAD(0, corner[7]) - d;
    a += tz * da;
    b += tz * db;
    c += tz * dc;
    d += tz * dd;
    const VF left_y = b - a, right_y = d - c;
    const VF left = a + ty * left_y, right = c + ty * right_y;
    const VF left_z = da + ty * (db - da), right_z = dc + ty * (dd - dc);
    slope->x = right - left;
    slope->y = left_y + tx * (right_y - left_y);
    slope->z = left_z + tx * (right_z - left_z);
    return left + tx * (right - left);
}

// Row of the Jacobian: derivatives by the grid coordinates -> by x, y, z.
inline Vectors to_cartesian(Vectors g, global const float *m)
{
    Vectors j;
    j.x = g.x * m[0] + g.y * m[1] + g.z * m[2];
    j.y = g.x * m[3] + g.y * m[4] + g.z * m[5];
    j.z = g.x * m[6] + g.y * m[7] + g.z * m[8];
    return j;
}

// Newton steps, with FIRE where 20 of them do not end. Global size (groups of pixels along y, nx,
// scans). counts: fallbacks and unconverged points of each scan.
kernel void relax_newton_df(SCAN_ARGUMENTS)
{
    const int iy = get_global_id(0) * LANES, ix = get_global_id(1), entry = get_global_id(2);
    if (iy >= ny || ix >= nx || entry >= count)
        return;
    global const Scan *scan = scans + entry;
    global const float4 *piece = pieces + scan->piece;
    global const float *c = all_constants + CONSTANTS * entry, *m = c + INVERSE;
    global const float *weights = all_weights + terms * entry;
    const int pixel = (entry * nx + ix) * ny + iy, row = scan->sz, plane = scan->sy * scan->sz;
    const int stride = count * nx * ny, lanes = min(LANES, ny - iy);
    int state[LANES], tally[2][LANES];
    int left = 0;
    for (int n = 0; n < LANES; n++) {
        tally[0][n] = tally[1][n] = 0;
        state[n] = n < lanes && todo[pixel + n] ? CLOSE : GONE;
        left += state[n] != GONE;
    }
    if (left == 0)
        return;
    float corners[24][LANES], anchors[3][LANES], reached[6][LANES];
    int indices[3][LANES], places[3][LANES];
    Vectors d, previous, before, force;
    previous.x = before.x = (VF)(c[REST]);
    previous.y = before.y = (VF)(c[REST + 1]);
    previous.z = before.z = (VF)(c[REST + 2]);
    force.x = force.y = force.z = (VF)(0.0f);
    for (int axis = 0; axis < 6; axis++)
        for (int n = 0; n < LANES; n++)
            reached[axis][n] = axis < 3 ? 1e30f : -1e30f;
    for (int corner = 0; corner < 24; corner++)
        for (int n = 0; n < LANES; n++)
            corners[corner][n] = 0.0f;
    const int3 index_x = vload3(scan->tables + ix, index_tables);
    const float3 fraction_x = vload3(scan->tables + ix, fraction_tables);
    for (int iz = 0; iz < nz; iz++) {
        const int3 index_z = vload3(scan->tables + nx + ny + iz, index_tables) + index_x;
        const float3 fraction_z = vload3(scan->tables + nx + ny + iz, fraction_tables) + fraction_x;
        for (int n = 0; n < LANES; n++) {
            const int y = scan->tables + nx + min(iy + n, ny - 1);
            const float3 at = vload3(y, fraction_tables) + fraction_z, whole = floor(at);
            const int3 index = vload3(y, index_tables) + index_z + convert_int3(whole);
            indices[0][n] = index.x;
            indices[1][n] = index.y;
            indices[2][n] = index.z;
            anchors[0][n] = at.x - whole.x;
            anchors[1][n] = at.y - whole.y;
            anchors[2][n] = at.z - whole.z;
            if (state[n] != GONE)
                state[n] = RUNNING;
        }
        d = previous;
        if (iz > 1) {
            d.x += previous.x - before.x;
            d.y += previous.y - before.y;
            d.z += previous.z - before.z;
        }
        before = previous;
        for (int step = 0; step < NEWTON_STEPS; step++) {
            const VF u = VLOAD(0, anchors[0]) + (d.x * m[0] + d.y * m[3] + d.z * m[6]);
            const VF v = VLOAD(0, anchors[1]) + (d.x * m[1] + d.y * m[4] + d.z * m[7]);
            const VF w = VLOAD(0, anchors[2]) + (d.x * m[2] + d.y * m[5] + d.z * m[8]);
            const VF fu = floor(u), fv = floor(v), fw = floor(w);
            const VF tx = u - fu, ty = v - fv, tz = w - fw;
            for (int n = 0; n < LANES; n++) {
                if (state[n] != RUNNING)
                    continue;
                const float i = LANE(fu, n), j = LANE(fv, n), k = LANE(fw, n);
                // Comparisons of floats first: they fail where the displacement is not finite.
                if (!(fabs(i) + fabs(j) + fabs(k) < FAR)) {
                    state[n] = GONE;
                    continue;
                }
                const int px = indices[0][n] + (int)i, py = indices[1][n] + (int)j;
                const int pz = indices[2][n] + (int)k;
                const int3 cell = in_piece(scan, (int3)(px, py, pz));
                const int3 shape = (int3)(scan->sx, scan->sy, scan->sz);
                if (any(cell < 0) || any(cell + 1 >= shape)) {
                    state[n] = GONE;
                    continue;
                }
                places[0][n] = px;
                places[1][n] = py;
                places[2][n] = pz;
                global const float4 *p = piece + (cell.x * scan->sy + cell.y) * scan->sz + cell.z;
                for (int corner = 0; corner < 8; corner++) {
                    const float4 value =
                        p[(corner & 1) + (corner & 2 ? row : 0) + (corner & 4 ? plane : 0)];
                    corners[corner][n] = value.x;
                    corners[8 + corner][n] = value.y;
                    corners[16 + corner][n] = value.z;
                }
            }
            Vectors slope;
            const VF v0 = blend(corners, tx, ty, tz, &slope);
            Vectors j0 = to_cartesian(slope, m);
            const VF v1 = blend(corners + 8, tx, ty, tz, &slope);
            Vectors j1 = to_cartesian(slope, m);
            const VF v2 = blend(corners + 16, tx, ty, tz, &slope);
            Vectors j2 = to_cartesian(slope, m);
            const VF near = 1.0f / sqrt(d.x * d.x + d.y * d.y + d.z * d.z);
            const VF pull = c[KR] - c[KL] * near, bend = c[KL] * near * near * near;
            const VF f0 = v0 + c[0] * d.x + c[1] * d.y + c[2] * d.z - c[PULL] + pull * d.x;
            const VF f1 = v1 + c[1] * d.x + c[3] * d.y + c[4] * d.z - c[PULL + 1] + pull * d.y;
            const VF f2 = v2 + c[2] * d.x + c[4] * d.y + c[5] * d.z - c[PULL + 2] + pull * d.z;
            const VF ff = f0 * f0 + f1 * f1 + f2 * f2;
            j0.x += c[0] + pull + bend * d.x * d.x;
            j1.y += c[3] + pull + bend * d.y * d.y;
            j2.z += c[5] + pull + bend * d.z * d.z;
            const VF xy = c[1] + bend * d.x * d.y, xz = c[2] + bend * d.x * d.z;
            const VF yz = c[4] + bend * d.y * d.z;
            j0.y += xy;
            j1.x += xy;
            j0.z += xz;
            j2.x += xz;
            j1.z += yz;
            j2.y += yz;
            // The adjugate of the Jacobian.
            const VF a00 = j1.y * j2.z - j1.z * j2.y, a01 = j0.z * j2.y - j0.y * j2.z;
            const VF a02 = j0.y * j1.z - j0.z * j1.y, a10 = j1.z * j2.x - j1.x * j2.z;
            const VF a11 = j0.x * j2.z - j0.z * j2.x, a12 = j0.z * j1.x - j0.x * j1.z;
            const VF a20 = j1.x * j2.y - j1.y * j2.x, a21 = j0.y * j2.x - j0.x * j2.y;
            const VF a22 = j0.x * j1.y - j0.y * j1.x;
            const VF scale = -1.0f / (j0.x * a00 + j0.y * a10 + j0.z * a20);
            VF sx = scale * (a00 * f0 + a01 * f1 + a02 * f2);
            VF sy = scale * (a10 * f0 + a11 * f1 + a12 * f2);
            VF sz = scale * (a20 * f0 + a21 * f1 + a22 * f2);
            const VF along = sx * f0 + sy * f1 + sz * f2;
            const VI good = (along > 0.0f) & (along < 1e30f);
            sx = PICK(good, sx, 0.5f * f0);
            sy = PICK(good, sy, 0.5f * f1);
            sz = PICK(good, sz, 0.5f * f2);
            const VF length2 = sx * sx + sy * sy + sz * sz;
            const VF cap = PICK(length2 > 0.2f * 0.2f, 0.2f / sqrt(length2), (VF)(1.0f));
            const VI running = VLOAD(0, state) == (VI)(RUNNING);
            const VI close = ff < 1e-10f;
            const VI go = running & (close == (VI)(0)) & (VI)(step < NEWTON_STEPS - 1 ? -1 : 0);
            d.x = PICK(go, d.x + cap * sx, d.x);
            d.y = PICK(go, d.y + cap * sy, d.y);
            d.z = PICK(go, d.z + cap * sz, d.z);
            force.x = PICK(running, v0, force.x);
            force.y = PICK(running, v1, force.y);
            force.z = PICK(running, v2, force.z);
            int more = 0;
            for (int n = 0; n < LANES; n++) {
                if (state[n] == RUNNING && LANEI(close, n))
                    state[n] = CLOSE;
                more += state[n] == RUNNING;
            }
            if (more == 0)
                break;
        }
        for (int n = 0; n < lanes; n++) {
            if (state[n] != RUNNING)
                continue;
            tally[0][n]++;
            const int3 index = (int3)(indices[0][n], indices[1][n], indices[2][n]);
            const float3 fraction = (float3)(anchors[0][n], anchors[1][n], anchors[2][n]);
            float3 at = (float3)(LANE(previous.x, n), LANE(previous.y, n), LANE(previous.z, n));
            float3 moved, f = (float3)(0.0f), t;
            int3 place;
            float2 pace = (float2)(0.5f, 0.1f);
            float square = 1e30f;
            state[n] = fire(piece, scan, c, index, fraction, &at, &moved, &f, &place, &t, &pace,
                            &square);
            if (state[n] == GONE)
                continue;
            tally[1][n] += !(square <= 1e-6f);
            LANE(d.x, n) = at.x;
            LANE(d.y, n) = at.y;
            LANE(d.z, n) = at.z;
            LANE(force.x, n) = f.x;
            LANE(force.y, n) = f.y;
            LANE(force.z, n) = f.z;
            places[0][n] = place.x;
            places[1][n] = place.y;
            places[2][n] = place.z;
        }
        const VF vertical = c[UP] * force.x + c[UP + 1] * force.y + c[UP + 2] * force.z;
        for (int n = 0; n < lanes; n++) {
            if (state[n] == GONE)
                continue;
            measured[iz * stride + pixel + n] = LANE(vertical, n);
            for (int axis = 0; axis < 3; axis++) {
                reached[axis][n] = fmin(reached[axis][n], (float)places[axis][n]);
                reached[3 + axis][n] = fmax(reached[3 + axis][n], (float)places[axis][n]);
            }
            if (keep) {
                const float3 at = (float3)(LANE(d.x, n), LANE(d.y, n), LANE(d.z, n));
                const int3 index = (int3)(indices[0][n], indices[1][n], indices[2][n]);
                const float3 fraction = (float3)(anchors[0][n], anchors[1][n], anchors[2][n]);
                int3 place;
                float3 t;
                const int offset = max(0, locate(scan, c, index, fraction, at, &place, &t));
                const int point = (pixel + n) * nz + iz;
                forces[point] = (float4)(LANE(force.x, n), LANE(force.y, n), LANE(force.z, n),
                                         trilinear(piece + offset, row, plane, t, 3));
                vstore3(at, point, paths);
            }
        }
        previous = d;
    }
    int3 low = (int3)(INT_MAX), high = (int3)(INT_MIN);
    int fallbacks = 0, unconverged = 0;
    left = 0;
    for (int n = 0; n < lanes; n++) {
        if (state[n] == GONE)
            continue;
        left++;
        fallbacks += tally[0][n];
        unconverged += tally[1][n];
        todo[pixel + n] = 0;
        weigh(measured + pixel + n, stride, weights, terms, nz - terms + 1,
              df + (pixel + n) * (nz - terms + 1));
        low = min(low, (int3)((int)reached[0][n], (int)reached[1][n], (int)reached[2][n]));
        high = max(high, (int3)((int)reached[3][n], (int)reached[4][n], (int)reached[5][n]));
    }
    if (left)
        widen(extents + 6 * entry, low, high);
    if (fallbacks)
        atomic_add(counts + 2 * entry, fallbacks);
    if (unconverged)
        atomic_add(counts + 2 * entry + 1, unconverged);
}
