/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Sketches of distinct values and of quantiles, and bits. One function of the engine, FN_SKETCH,
 * whose first argument says which of these it is; the aggregates among them work on an array of all
 * values (plan/bind_sketch.c).
 */

typedef enum SketchOp {
    SKETCH_THETA_MAKE,     /* array of values, lg_k */
    SKETCH_THETA_UNION,    /* array of sketches, lg_k */
    SKETCH_THETA_COMMON,   /* array of sketches */
    SKETCH_THETA_WITHOUT,  /* array of two sketches */
    SKETCH_THETA_ESTIMATE, /* sketch: LONG */
    SKETCH_HLL_MAKE,
    SKETCH_HLL_UNION, /* array of sketches, may lg_k differ? */
    SKETCH_HLL_ESTIMATE,
    SKETCH_TUPLE_MAKE,   /* array of (key, summary), lg_k, mode */
    SKETCH_TUPLE_UNION,  /* array of sketches, lg_k, mode */
    SKETCH_TUPLE_COMMON, /* array of sketches, mode */
    SKETCH_TUPLE_WITHOUT,
    SKETCH_TUPLE_ESTIMATE, /* sketch: DOUBLE */
    SKETCH_TUPLE_THETA,    /* sketch: DOUBLE */
    SKETCH_TUPLE_SUMMARY,  /* sketch, mode */
    SKETCH_KLL_MAKE,       /* array of values, k */
    SKETCH_KLL_MERGE,      /* array of sketches, k or null */
    SKETCH_KLL_N,          /* sketch: LONG */
    SKETCH_KLL_QUANTILE,   /* sketch, rank */
    SKETCH_KLL_RANK,       /* sketch, value: DOUBLE */
    SKETCH_KLL_TEXT,       /* sketch: STRING */
    SKETCH_BITMAP_AND,     /* array of bitmaps */
    _SKETCH_MAX,
} SketchOp;

/* What its values or summaries are. */
typedef enum SketchValue {
    SKETCH_LONG,
    SKETCH_FLOAT,
    SKETCH_DOUBLE,
} SketchValue;
