/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Inside expr/: what FN_SKETCH does. */

#include "exec/expr/nested.h"
#include "exec/plan/sketch.h"

/* @args: those of the call, the number of the operation first. Return: as NestedRowFunction. */
int nested_sketch(NestedCall *c, const NestedItem *args, SketchOp op, SketchValue value,
                  NestedItem *ret);
int nested_bitmap_and(NestedCall *c, const NestedItem *args, NestedItem *ret);
int nested_kll(NestedCall *c, const NestedItem *args, SketchOp op, SketchValue value,
               NestedItem *ret);
