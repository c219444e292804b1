/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"
#include "exec/kernel/decimal.h"
#include "exec/op/scan_internal.h"

/* Columns that a file has otherwise than the plan: not at all, or of a narrower type. */

void scan_constant(const PlanScan *scan, const ScanFile *file, uint32_t output, Type type,
                   ScanConstant *room, Vector *ret)
{
    uint32_t number = scan_file_column(scan, file, output);
    const Literal *l = number == SCAN_MISSING ? NULL : &file->partition[number - SCAN_PARTITION];

    *room = (ScanConstant){.valid = l && !l->is_null};
    *ret = (Vector){.type = type,
                    .phys = (uint8_t)type_phys(type),
                    .encoding = VEC_CONST,
                    .has_nulls = !room->valid,
                    .values = &room->value,
                    .valid = &room->valid};
    if (!room->valid)
        return;
    switch (type_phys(type)) {
    case PHYS_BOOL:
        room->value.b = l->b;
        break;
    case PHYS_I8:
        room->value.i8 = (int8_t)l->i;
        break;
    case PHYS_I16:
        room->value.i16 = (int16_t)l->i;
        break;
    case PHYS_I32:
        room->value.i32 = (int32_t)l->i;
        break;
    case PHYS_I64:
        room->value.i64 = l->i;
        break;
    case PHYS_I128:
        room->value.i128 = l->i128;
        break;
    case PHYS_F32:
        room->value.f32 = (float)l->d;
        break;
    case PHYS_F64:
        room->value.f64 = l->d;
        break;
    default:
        room->value.s = l->s;
    }
}

static uint32_t whole_digits(Type t)
{
    return t.kind == TYPE_LONG ? 20 : 10;
}

bool scan_can_widen(Type from, Type to)
{
    bool small = from.kind == TYPE_BYTE || from.kind == TYPE_SHORT || from.kind == TYPE_INT;

    if (type_same_bytes(from, to))
        return true;
    switch (to.kind) {
    case TYPE_BYTE: /* all three are INT32 in the file, and cut as Spark cuts them */
    case TYPE_SHORT:
    case TYPE_INT:
    case TYPE_LONG:
        return small;
    case TYPE_DOUBLE:
        return small || from.kind == TYPE_FLOAT;
    case TYPE_DECIMAL:
        if (small || from.kind == TYPE_LONG)
            return (uint32_t)to.precision - to.scale >= whole_digits(from);
        return from.kind == TYPE_DECIMAL && to.scale >= from.scale &&
               to.precision - to.scale >= from.precision - from.scale;
    case TYPE_TIMESTAMP_NTZ:
        return from.kind == TYPE_DATE;
    case TYPE_STRING:
        return from.kind == TYPE_BINARY;
    case TYPE_BINARY:
        return from.kind == TYPE_STRING;
    default:
        return false;
    }
}

static __int128 load_whole(const Vector *v, uint32_t i)
{
    switch (v->phys) {
    case PHYS_I8:
        return ((const int8_t *)v->values)[i];
    case PHYS_I16:
        return ((const int16_t *)v->values)[i];
    case PHYS_I32:
        return ((const int32_t *)v->values)[i];
    case PHYS_I64:
        return ((const int64_t *)v->values)[i];
    default:
        return ((const __int128 *)v->values)[i];
    }
}

static void store_whole(PhysKind phys, void *out, uint32_t row, __int128 x)
{
    switch (phys) {
    case PHYS_I8:
        ((int8_t *)out)[row] = (int8_t)x;
        break;
    case PHYS_I16:
        ((int16_t *)out)[row] = (int16_t)x;
        break;
    case PHYS_I32:
        ((int32_t *)out)[row] = (int32_t)x;
        break;
    case PHYS_I64:
        ((int64_t *)out)[row] = (int64_t)x;
        break;
    case PHYS_F64:
        ((double *)out)[row] = (double)x;
        break;
    default:
        ((__int128 *)out)[row] = x;
    }
}

void scan_widen(Vector *v, Type to, const uint16_t *sel, uint32_t n, void *out)
{
    PhysKind phys = type_phys(to);
    __int128 factor = 1;

    if (phys == PHYS_STRING) { /* text and bytes lie alike */
        v->type = to;
        return;
    }
    if (to.kind == TYPE_DECIMAL)
        factor = dec_pow10(to.scale - (v->type.kind == TYPE_DECIMAL ? v->type.scale : 0u));
    if (to.kind == TYPE_TIMESTAMP_NTZ)
        factor = INT64_C(86400000000);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;

        if (vec_row_is_null(v, row))
            store_whole(phys, out, row, 0);
        else if (v->phys == PHYS_F32)
            ((double *)out)[row] = (double)((const float *)v->values)[vec_index(v, row)];
        else
            store_whole(phys, out, row, load_whole(v, vec_index(v, row)) * factor);
    }
    v->type = to;
    v->phys = (uint8_t)phys;
    v->encoding = VEC_FLAT;
    v->values = out;
    v->codes = NULL;
    v->n_dict = 0;
    v->dict_id = 0;
}
