// Vectors of LANES floats: what a work-item handles at once. LANES is 1 on GPUs.

#pragma OPENCL FP_CONTRACT OFF

#define SOFTENING 1e-6f

#if LANES == 1
typedef float VF;
typedef int VI;
#define VLOAD(i, p) ((p)[i])
#define VSTORE(v, i, p) ((p)[i] = (v))
#define LANE(v, n) (v)
#define LANEI(v, n) (v)
#define PICK(mask, a, b) ((mask) ? (a) : (b))
#else
#define JOIN(a, b) a##b
#define WITH_LANES(name, lanes) JOIN(name, lanes)
typedef WITH_LANES(float, LANES) VF;
typedef WITH_LANES(int, LANES) VI;
#define VLOAD(i, p) WITH_LANES(vload, LANES)(i, p)
#define VSTORE(v, i, p) WITH_LANES(vstore, LANES)(v, i, p)
#define LANE(v, n) (((private float *)&(v))[n])
#define LANEI(v, n) (((private int *)&(v))[n])
#define PICK(mask, a, b) select(b, a, mask)
#endif
