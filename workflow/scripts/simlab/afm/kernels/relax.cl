// Relaxation of the probe particle on pieces of force-field grids, strokes of a rigid one.
//
// The equation, the algorithm and its constants are those of relax.py. Places are a grid index and
// a fraction; those of an anchor are the sum of three table entries. A piece is float4
// (sx, sy, sz), z fastest; indices count from its first point.

#define RUNNING 0
#define CLOSE 1
#define GONE 2

#define FIRE_STEPS 128
#define FAR 1e6f

// Rows of `constants`, see relax_arguments: S (xx xy xz yy yz zz), s0, K_r, K_r R, rest
// displacement, direction of the measured force, inverse grid steps (row-major).
#define SPRING 0
#define PULL 6
#define KR 9
#define KL 10
#define REST 11
#define UP 14
#define INVERSE 17
#define CONSTANTS 26

inline float trilinear(global const float4 *p, int row, int plane, float3 t, int c)
{
    global const float *q = (global const float *)p + c;
    float a = q[0], b = q[4 * row], e = q[4 * plane], f = q[4 * (plane + row)];
    a += t.z * (q[4] - a);
    b += t.z * (q[4 * row + 4] - b);
    e += t.z * (q[4 * plane + 4] - e);
    f += t.z * (q[4 * (plane + row) + 4] - f);
    const float left = a + t.y * (b - a), right = e + t.y * (f - e);
    return left + t.x * (right - left);
}

// Index in the piece of one of the grid; that of a whole box repeats after (px, py, pz).
inline int3 in_piece(global const Scan *scan, int3 place)
{
    if (scan->px == 0)
        return place;
    const int3 period = (int3)(scan->px, scan->py, scan->pz), rest = place % period;
    return rest + (rest < 0 ? period : (int3)(0));
}

// Offset of the cell of displacement d in the piece, -1 outside; its index and fractions.
inline int locate(global const Scan *scan, global const float *c, int3 index, float3 fraction,
                  float3 d, int3 *place, float3 *t)
{
    global const float *m = c + INVERSE;
    const float3 u = fraction
        + (float3)(d.x * m[0] + d.y * m[3] + d.z * m[6], d.x * m[1] + d.y * m[4] + d.z * m[7],
                   d.x * m[2] + d.y * m[5] + d.z * m[8]);
    if (!(fabs(u.x) + fabs(u.y) + fabs(u.z) < FAR))
        return -1;
    const float3 whole = floor(u);
    *place = index + convert_int3(whole);
    *t = u - whole;
    const int3 shape = (int3)(scan->sx, scan->sy, scan->sz);
    const int3 cell = in_piece(scan, *place);
    if (any(cell < 0) || any(cell + 1 >= shape))
        return -1;
    return (cell.x * scan->sy + cell.y) * scan->sz + cell.z;
}

// FIRE from displacement `*d`; `pace` = (dt, damping) goes on over the calls. `*d` becomes the last
// point evaluated and `*moved` where the last move led. Returns CLOSE or GONE.
int fire(global const float4 *piece, global const Scan *scan, global const float *c, int3 index,
         float3 fraction, float3 *d, float3 *moved, float3 *force, int3 *place, float3 *t,
         float2 *pace, float *last)
{
    float3 velocity = (float3)(0.0f), at = *d;
    const int row = scan->sz, plane = scan->sy * scan->sz;
    float ff = 1e30f;
    for (int step = 0; step < FIRE_STEPS; step++) {
        *d = at;
        const int offset = locate(scan, c, index, fraction, at, place, t);
        if (offset < 0)
            return GONE;
        const float radius = sqrt(at.x * at.x + at.y * at.y + at.z * at.z);
        const float pull = c[KR] - c[KL] / radius;
        *force = (float3)(trilinear(piece + offset, row, plane, *t, 0),
                          trilinear(piece + offset, row, plane, *t, 1),
                          trilinear(piece + offset, row, plane, *t, 2));
        const float3 total = *force + pull * at
            + (float3)(c[0] * at.x + c[1] * at.y + c[2] * at.z - c[PULL],
                       c[1] * at.x + c[3] * at.y + c[4] * at.z - c[PULL + 1],
                       c[2] * at.x + c[4] * at.y + c[5] * at.z - c[PULL + 2]);
        ff = total.x * total.x + total.y * total.y + total.z * total.z;
        const float vv = velocity.x * velocity.x + velocity.y * velocity.y
            + velocity.z * velocity.z;
        const float vf = velocity.x * total.x + velocity.y * total.y + velocity.z * total.z;
        if (vf < 0.0f) {
            velocity = (float3)(0.0f);
            *pace = (float2)(fmax(0.05f, 0.5f * pace->x), 0.1f);
        } else {
            velocity = (1.0f - pace->y) * velocity + pace->y * sqrt(vv / (ff + 1e-8f)) * total;
            *pace = (float2)(fmin(0.5f, 1.1f * pace->x), 0.99f * pace->y);
        }
        velocity += total * pace->x;
        at += velocity * pace->x;
        if (ff < 1e-8f)
            break;
    }
    *moved = at;
    *last = ff;
    return CLOSE;
}

// The frequency shifts of a pixel from its vertical forces, `stride` numbers apart.
inline void weigh(global const float *measured, int stride, global const float *weights, int terms,
                  int slices, global float *df)
{
    for (int j = 0; j < slices; j++) {
        float sum = 0.0f;
        for (int i = 0; i < terms; i++)
            sum += measured[(j + i) * stride] * weights[i];
        df[j] = sum;
    }
}

inline void widen(global int *extent, int3 low, int3 high)
{
    atomic_min(extent, low.x);
    atomic_min(extent + 1, low.y);
    atomic_min(extent + 2, low.z);
    atomic_max(extent + 3, high.x);
    atomic_max(extent + 4, high.y);
    atomic_max(extent + 5, high.z);
}

#define SCAN_ARGUMENTS                                                                            \
    global const Scan *scans, global const float4 *pieces, global const int *index_tables,       \
        global const float *fraction_tables, global const float *all_constants,                  \
        global const float *all_weights, const int count, const int nx, const int ny,            \
        const int nz, const int terms, const int keep, global uchar *todo, global int *counts,   \
        global int *extents, global float *measured, global float *df, global float4 *forces,    \
        global float *paths

// FIRE at every height, `pace` going on; global size (ny, nx, scans).
kernel void relax_fire_df(SCAN_ARGUMENTS)
{
    const int iy = get_global_id(0), ix = get_global_id(1), entry = get_global_id(2);
    if (iy >= ny || ix >= nx || entry >= count)
        return;
    global const Scan *scan = scans + entry;
    global const float4 *piece = pieces + scan->piece;
    global const float *c = all_constants + CONSTANTS * entry;
    const int pixel = (entry * nx + ix) * ny + iy, stride = count * nx * ny;
    if (!todo[pixel])
        return;
    float3 d, moved = vload3(0, c + REST), force = (float3)(0.0f), t;
    int3 place, low = (int3)(INT_MAX), high = (int3)(INT_MIN);
    float2 pace = (float2)(0.5f, 0.1f);
    int unconverged = 0;
    for (int iz = 0; iz < nz; iz++) {
        const int x = scan->tables + ix, y = scan->tables + nx + iy, z = scan->tables + nx + ny + iz;
        const float3 at = vload3(x, fraction_tables) + vload3(z, fraction_tables)
            + vload3(y, fraction_tables), whole = floor(at);
        const int3 index = vload3(x, index_tables) + vload3(y, index_tables)
            + vload3(z, index_tables) + convert_int3(whole);
        float square;
        d = moved;
        if (fire(piece, scan, c, index, at - whole, &d, &moved, &force, &place, &t, &pace, &square)
            == GONE)
            return;
        unconverged += !(square <= 1e-6f);
        low = min(low, place);
        high = max(high, place);
        measured[iz * stride + pixel] = c[UP] * force.x + c[UP + 1] * force.y + c[UP + 2] * force.z;
        if (keep) {
            const int3 cell = in_piece(scan, place);
            const int offset = (cell.x * scan->sy + cell.y) * scan->sz + cell.z;
            const float energy = trilinear(piece + offset, scan->sz, scan->sy * scan->sz, t, 3);
            forces[pixel * nz + iz] = (float4)(force, energy);
            vstore3(moved, pixel * nz + iz, paths);
        }
    }
    todo[pixel] = 0;
    weigh(measured + pixel, stride, all_weights + terms * entry, terms, nz - terms + 1,
          df + pixel * (nz - terms + 1));
    widen(extents + 6 * entry, low, high);
    if (unconverged)
        atomic_add(counts + 2 * entry + 1, unconverged);
}

// Strokes of a rigid particle straight down, carried on until they cross the level `iso`, end, or
// leave the piece; see strokes.py. Tables as of the scans, for the places of the particle.
kernel void ziso(global const Scan *scan, global const float4 *piece,
                 global const int *index_tables, global const float *fraction_tables,
                 const float4 direction, const float iso, const int nx, const int ny,
                 const int end, global int *step, global float *force, global float *zeta)
{
    const int iy = get_global_id(0), ix = get_global_id(1);
    if (iy >= ny || ix >= nx)
        return;
    const int pixel = ix * ny + iy, row = scan->sz, plane = scan->sy * scan->sz;
    const int3 shape = (int3)(scan->sx, scan->sy, scan->sz);
    const int3 index = vload3(ix, index_tables) + vload3(nx + iy, index_tables);
    const float3 fraction = vload3(ix, fraction_tables) + vload3(nx + iy, fraction_tables);
    int i = step[pixel];
    float before = force[pixel];
    while (i < end) {
        const float3 at = fraction + vload3(nx + ny + i, fraction_tables), whole = floor(at);
        const int3 place = index + vload3(nx + ny + i, index_tables) + convert_int3(whole);
        if (any(place < 0) || any(place + 1 >= shape))
            break;
        global const float4 *p = piece + scan->piece
            + (place.x * scan->sy + place.y) * scan->sz + place.z;
        const float3 t = at - whole;
        float now = 0.0f;
        if (direction.x != 0.0f)
            now += direction.x * trilinear(p, row, plane, t, 0);
        if (direction.y != 0.0f)
            now += direction.y * trilinear(p, row, plane, t, 1);
        if (direction.z != 0.0f)
            now += direction.z * trilinear(p, row, plane, t, 2);
        if (i > 0 && now / iso > 1.0f) {
            zeta[pixel] = (float)i + (iso - before) / (now - before);
            i = end;
        } else {
            before = now;
            i++;
        }
    }
    step[pixel] = i;
    force[pixel] = before;
}
