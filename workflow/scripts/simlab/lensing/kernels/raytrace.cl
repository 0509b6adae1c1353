// Ray-traced pictures, one work-item a pixel. Tables and formulas as in deflection.py, rays.py and
// sources.py: members (MEMBERS columns) kind, x, y, p0, p1, p2, cos p2, sin p2; profiles (PROFILES
// columns) x, y, m00, m01, m10, m11, peak, rate, power, ceiling.

#pragma OPENCL EXTENSION cl_khr_fp64 : enable

#define SIS 0
#define PM 1
#define SIE 2
#define SHEAR 3

// artanh(sqrt(e))/sqrt(e), continued to e <= 0 as arctan; e < 1
double nfw_arc(double e)
{
    if (fabs(e) < 0.04) {
        double total = 0.0;
        for (int k = 12; k >= 0; k--)
            total = total * e + 1.0 / (2 * k + 1);
        return total;
    }
    double root = sqrt(fabs(e));
    return (e > 0 ? atanh(root) : atan(root)) / root;
}

// ln(u/2) + F(u)
double nfw_enclosed(double u)
{
    double w = u * u;
    if (u < 0.5) {
        double s = sqrt(1.0 - w);
        return (log(2.0 / u) * w / (1.0 + s) + log1p(-0.5 * w / (1.0 + s))) / s;
    }
    return log(0.5 * u) + nfw_arc(1.0 - w);
}

// Deflection of a member; undefined (NaN) at the center of a singular one.
double2 member_deflection(__global const double *member, double x, double y)
{
    int kind = (int)member[0];
    double dx = x - member[1], dy = y - member[2], p0 = member[3];
    if (kind == SHEAR) {
        double g1 = member[4], g2 = member[5];
        return (double2)((p0 + g1) * dx + g2 * dy, (p0 - g1) * dy + g2 * dx);
    }
    double r2 = dx * dx + dy * dy, r = sqrt(r2);
    if (r == 0.0)
        return (double2)(kind <= SIE ? NAN : 0.0);
    if (kind == SIS)
        return p0 / r * (double2)(dx, dy);
    if (kind == PM)
        return p0 * p0 / r2 * (double2)(dx, dy);
    if (kind == SIE) {
        double f = member[4], c = member[6], s = member[7];
        double u = dx * c + dy * s, v = dy * c - dx * s;
        double flat = sqrt((1.0 - f) * (1.0 + f)), strength = p0 * sqrt(f), a, b;
        if (flat < ROUND) {
            double k2 = flat * flat, p = u / (f * r), q = v / r, p2 = p * p, q2 = q * q;
            a = strength * p * (1.0 - k2 * p2 / 6.0 + 0.075 * k2 * k2 * p2 * p2);
            b = strength * q * (1.0 + k2 * q2 / 6.0 + 0.075 * k2 * k2 * q2 * q2);
        } else {
            double w = sqrt(u * u + f * f * v * v);
            a = strength / flat * copysign(log((w + flat * fabs(u)) / (f * r)), u);
            b = strength / flat * atan(flat * v / w);
        }
        return (double2)(a * c - b * s, a * s + b * c);
    }
    double u = r / member[4];
    return 4.0 * p0 * member[4] * nfw_enclosed(u) / (u * r) * (double2)(dx, dy);
}

double brightness(__global const double *profile, double x, double y)
{
    double dx = x - profile[0], dy = y - profile[1];
    double p = profile[2] * dx + profile[3] * dy, q = profile[4] * dx + profile[5] * dy;
    double w = p * p + q * q;
    if (!(w < FARTHEST))
        return 0.0;
    double root = profile[8] == 1.0 ? w : pow(w, profile[8]);
    return fmin(profile[6] * exp(-profile[7] * root), profile[9]);
}

// views (k, 7): eta_x, eta_y, center_x, center_y, ceiling, first and end of members and profiles in
// ranges (k, 4)
__kernel void raytrace(__global const double *members, __global const double *profiles,
                       __global const double *views, __global const int *ranges, int n, int subs,
                       __global float *pictures)
{
    int column = get_global_id(0), row = get_global_id(1), picture = get_global_id(2);
    if (column >= n || row >= n)
        return;
    __global const double *view = views + VIEW * picture;
    __global const int *range = ranges + 4 * picture;
    double total = 0.0;
    for (int j = 0; j < subs; j++)
        for (int i = 0; i < subs; i++) {
            double x = column - 0.5 * n + view[2] + (i - 0.5 * (subs - 1)) / subs;
            double y = 0.5 * n - row + view[3] - (j - 0.5 * (subs - 1)) / subs;
            double2 beta = (double2)(x, y);
            for (int k = range[0]; k < range[1]; k++)
                beta -= member_deflection(members + MEMBERS * k, x, y);
            double light = 0.0;
            for (int k = range[2]; k < range[3]; k++)
                light += brightness(profiles + PROFILES * k, beta.x - view[0], beta.y - view[1]);
            total += fmin(light, view[4]);
        }
    total /= subs * subs;
    pictures[((size_t)picture * n + row) * n + column] = total > DARK ? (float)total : 0.0f;
}
