/* dtype.c - names and sizes of the element types. */
#include "base/dtype.h"
#include <string.h>

static const struct { const char *name; size_t bytes; } row[] = {
    [DT_NONE] = { "none", 0 }, [DT_F64] = { "f64", 8 }, [DT_F32] = { "f32", 4 }, [DT_F16] = { "f16", 2 }, [DT_BF16] = { "bf16", 2 },
    [DT_I64] = { "i64", 8 },   [DT_I32] = { "i32", 4 }, [DT_I8] = { "i8", 1 },   [DT_U8] = { "u8", 1 },   [DT_BOOL] = { "bool", 1 },
    [DT_C64] = { "c64", 8 },   [DT_C128] = { "c128", 16 },
};
const char *dtype_name(Dtype t) { return row[t].name; }
size_t dtype_bytes(Dtype t) { return row[t].bytes; }
Dtype dtype_from_name(const char *s) {
    for (int k = 1; k < (int)(sizeof row / sizeof *row); k++) if (!strcmp(row[k].name, s)) return (Dtype)k;
    return DT_NONE;
}
