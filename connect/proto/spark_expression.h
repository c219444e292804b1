/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Field numbers of Spark Connect 4.2: expressions and literals.
 *
 * Numbers of fields and values, SPARK_<MESSAGE>_<FIELD>; the comment is the type of the field, []
 * means repeated. A map is a repeated message whose fields are SPARK_MAP_KEY and SPARK_MAP_VALUE.
 */

enum {
    SPARK_EXPRESSION_LITERAL = 1,                              /* Literal */
    SPARK_EXPRESSION_UNRESOLVED_ATTRIBUTE = 2,                 /* UnresolvedAttribute */
    SPARK_EXPRESSION_UNRESOLVED_FUNCTION = 3,                  /* UnresolvedFunction */
    SPARK_EXPRESSION_EXPRESSION_STRING = 4,                    /* ExpressionString */
    SPARK_EXPRESSION_UNRESOLVED_STAR = 5,                      /* UnresolvedStar */
    SPARK_EXPRESSION_ALIAS = 6,                                /* Alias */
    SPARK_EXPRESSION_CAST = 7,                                 /* Cast */
    SPARK_EXPRESSION_UNRESOLVED_REGEX = 8,                     /* UnresolvedRegex */
    SPARK_EXPRESSION_SORT_ORDER = 9,                           /* SortOrder */
    SPARK_EXPRESSION_LAMBDA_FUNCTION = 10,                     /* LambdaFunction */
    SPARK_EXPRESSION_WINDOW = 11,                              /* Window */
    SPARK_EXPRESSION_UNRESOLVED_EXTRACT_VALUE = 12,            /* UnresolvedExtractValue */
    SPARK_EXPRESSION_UPDATE_FIELDS = 13,                       /* UpdateFields */
    SPARK_EXPRESSION_UNRESOLVED_NAMED_LAMBDA_VARIABLE = 14,    /* UnresolvedNamedLambdaVariable */
    SPARK_EXPRESSION_COMMON_INLINE_USER_DEFINED_FUNCTION = 15, /* CommonInlineUserDefinedFunction */
    SPARK_EXPRESSION_CALL_FUNCTION = 16,                       /* CallFunction */
    SPARK_EXPRESSION_NAMED_ARGUMENT_EXPRESSION = 17,           /* NamedArgumentExpression */
    SPARK_EXPRESSION_COMMON = 18,                              /* ExpressionCommon */
    SPARK_EXPRESSION_MERGE_ACTION = 19,                        /* MergeAction */
    SPARK_EXPRESSION_TYPED_AGGREGATE_EXPRESSION = 20,          /* TypedAggregateExpression */
    SPARK_EXPRESSION_SUBQUERY_EXPRESSION = 21,                 /* SubqueryExpression */
    SPARK_EXPRESSION_DIRECT_SHUFFLE_PARTITION_ID = 22,         /* DirectShufflePartitionID */
    SPARK_EXPRESSION_EXTENSION = 999,                          /* Any */
};

enum {
    SPARK_WINDOW_WINDOW_FUNCTION = 1, /* Expression */
    SPARK_WINDOW_PARTITION_SPEC = 2,  /* Expression[] */
    SPARK_WINDOW_ORDER_SPEC = 3,      /* SortOrder[] */
    SPARK_WINDOW_FRAME_SPEC = 4,      /* WindowFrame */
};

enum {
    SPARK_WINDOW_WINDOW_FRAME_FRAME_TYPE = 1, /* FrameType */
    SPARK_WINDOW_WINDOW_FRAME_LOWER = 2,      /* FrameBoundary */
    SPARK_WINDOW_WINDOW_FRAME_UPPER = 3,      /* FrameBoundary */
};

/* Values of Expression.Window.WindowFrame.FrameType. */
enum {
    SPARK_FRAME_TYPE_UNDEFINED = 0,
    SPARK_FRAME_TYPE_ROW = 1,
    SPARK_FRAME_TYPE_RANGE = 2,
};

enum {
    SPARK_WINDOW_WINDOW_FRAME_FRAME_BOUNDARY_CURRENT_ROW = 1, /* bool */
    SPARK_WINDOW_WINDOW_FRAME_FRAME_BOUNDARY_UNBOUNDED = 2,   /* bool */
    SPARK_WINDOW_WINDOW_FRAME_FRAME_BOUNDARY_VALUE = 3,       /* Expression */
};

enum {
    SPARK_SORT_ORDER_CHILD = 1,         /* Expression */
    SPARK_SORT_ORDER_DIRECTION = 2,     /* SortDirection */
    SPARK_SORT_ORDER_NULL_ORDERING = 3, /* NullOrdering */
};

/* Values of Expression.SortOrder.SortDirection. */
enum {
    SPARK_SORT_DIRECTION_UNSPECIFIED = 0,
    SPARK_SORT_DIRECTION_ASCENDING = 1,
    SPARK_SORT_DIRECTION_DESCENDING = 2,
};

/* Values of Expression.SortOrder.NullOrdering. */
enum {
    SPARK_SORT_NULLS_UNSPECIFIED = 0,
    SPARK_SORT_NULLS_FIRST = 1,
    SPARK_SORT_NULLS_LAST = 2,
};

enum {
    SPARK_DIRECT_SHUFFLE_PARTITION_ID_CHILD = 1, /* Expression */
};

enum {
    SPARK_CAST_EXPR = 1,      /* Expression */
    SPARK_CAST_TYPE = 2,      /* DataType */
    SPARK_CAST_TYPE_STR = 3,  /* string */
    SPARK_CAST_EVAL_MODE = 4, /* EvalMode */
};

/* Values of Expression.Cast.EvalMode. */
enum {
    SPARK_EVAL_MODE_UNSPECIFIED = 0,
    SPARK_EVAL_MODE_LEGACY = 1,
    SPARK_EVAL_MODE_ANSI = 2,
    SPARK_EVAL_MODE_TRY = 3,
};

enum {
    SPARK_LITERAL_NULL = 1,                 /* DataType */
    SPARK_LITERAL_BINARY = 2,               /* bytes */
    SPARK_LITERAL_BOOLEAN = 3,              /* bool */
    SPARK_LITERAL_BYTE = 4,                 /* int32 */
    SPARK_LITERAL_SHORT = 5,                /* int32 */
    SPARK_LITERAL_INTEGER = 6,              /* int32 */
    SPARK_LITERAL_LONG = 7,                 /* int64 */
    SPARK_LITERAL_FLOAT = 10,               /* float */
    SPARK_LITERAL_DOUBLE = 11,              /* double */
    SPARK_LITERAL_DECIMAL = 12,             /* Decimal */
    SPARK_LITERAL_STRING = 13,              /* string */
    SPARK_LITERAL_DATE = 16,                /* int32 */
    SPARK_LITERAL_TIMESTAMP = 17,           /* int64 */
    SPARK_LITERAL_TIMESTAMP_NTZ = 18,       /* int64 */
    SPARK_LITERAL_CALENDAR_INTERVAL = 19,   /* CalendarInterval */
    SPARK_LITERAL_YEAR_MONTH_INTERVAL = 20, /* int32 */
    SPARK_LITERAL_DAY_TIME_INTERVAL = 21,   /* int64 */
    SPARK_LITERAL_ARRAY = 22,               /* Array */
    SPARK_LITERAL_MAP = 23,                 /* Map */
    SPARK_LITERAL_STRUCT = 24,              /* Struct */
    SPARK_LITERAL_SPECIALIZED_ARRAY = 25,   /* SpecializedArray */
    SPARK_LITERAL_TIME = 26,                /* Time */
    SPARK_LITERAL_DATA_TYPE = 100,          /* DataType */
};

enum {
    SPARK_LITERAL_DECIMAL_VALUE = 1,     /* string */
    SPARK_LITERAL_DECIMAL_PRECISION = 2, /* int32 */
    SPARK_LITERAL_DECIMAL_SCALE = 3,     /* int32 */
};

enum {
    SPARK_LITERAL_CALENDAR_INTERVAL_MONTHS = 1,       /* int32 */
    SPARK_LITERAL_CALENDAR_INTERVAL_DAYS = 2,         /* int32 */
    SPARK_LITERAL_CALENDAR_INTERVAL_MICROSECONDS = 3, /* int64 */
};

enum {
    SPARK_LITERAL_ARRAY_ELEMENT_TYPE = 1, /* DataType */
    SPARK_LITERAL_ARRAY_ELEMENTS = 2,     /* Literal[] */
};

enum {
    SPARK_LITERAL_MAP_KEY_TYPE = 1,   /* DataType */
    SPARK_LITERAL_MAP_VALUE_TYPE = 2, /* DataType */
    SPARK_LITERAL_MAP_KEYS = 3,       /* Literal[] */
    SPARK_LITERAL_MAP_VALUES = 4,     /* Literal[] */
};

enum {
    SPARK_LITERAL_STRUCT_STRUCT_TYPE = 1, /* DataType */
    SPARK_LITERAL_STRUCT_ELEMENTS = 2,    /* Literal[] */
};

enum {
    SPARK_LITERAL_SPECIALIZED_ARRAY_BOOLS = 1,   /* Bools */
    SPARK_LITERAL_SPECIALIZED_ARRAY_INTS = 2,    /* Ints */
    SPARK_LITERAL_SPECIALIZED_ARRAY_LONGS = 3,   /* Longs */
    SPARK_LITERAL_SPECIALIZED_ARRAY_FLOATS = 4,  /* Floats */
    SPARK_LITERAL_SPECIALIZED_ARRAY_DOUBLES = 5, /* Doubles */
    SPARK_LITERAL_SPECIALIZED_ARRAY_STRINGS = 6, /* Strings */
};

enum {
    SPARK_LITERAL_TIME_NANO = 1,      /* int64 */
    SPARK_LITERAL_TIME_PRECISION = 2, /* int32 */
};

enum {
    SPARK_UNRESOLVED_ATTRIBUTE_UNPARSED_IDENTIFIER = 1, /* string */
    SPARK_UNRESOLVED_ATTRIBUTE_PLAN_ID = 2,             /* int64 */
    SPARK_UNRESOLVED_ATTRIBUTE_IS_METADATA_COLUMN = 3,  /* bool */
};

enum {
    SPARK_UNRESOLVED_FUNCTION_FUNCTION_NAME = 1,            /* string */
    SPARK_UNRESOLVED_FUNCTION_ARGUMENTS = 2,                /* Expression[] */
    SPARK_UNRESOLVED_FUNCTION_IS_DISTINCT = 3,              /* bool */
    SPARK_UNRESOLVED_FUNCTION_IS_USER_DEFINED_FUNCTION = 4, /* bool */
    SPARK_UNRESOLVED_FUNCTION_IS_INTERNAL = 5,              /* bool */
};

enum {
    SPARK_EXPRESSION_STRING_EXPRESSION = 1, /* string */
};

enum {
    SPARK_UNRESOLVED_STAR_UNPARSED_TARGET = 1, /* string */
    SPARK_UNRESOLVED_STAR_PLAN_ID = 2,         /* int64 */
};

enum {
    SPARK_UNRESOLVED_REGEX_COL_NAME = 1, /* string */
    SPARK_UNRESOLVED_REGEX_PLAN_ID = 2,  /* int64 */
};

enum {
    SPARK_UNRESOLVED_EXTRACT_VALUE_CHILD = 1,      /* Expression */
    SPARK_UNRESOLVED_EXTRACT_VALUE_EXTRACTION = 2, /* Expression */
};

enum {
    SPARK_UPDATE_FIELDS_STRUCT_EXPRESSION = 1, /* Expression */
    SPARK_UPDATE_FIELDS_FIELD_NAME = 2,        /* string */
    SPARK_UPDATE_FIELDS_VALUE_EXPRESSION = 3,  /* Expression */
};

enum {
    SPARK_ALIAS_EXPR = 1,     /* Expression */
    SPARK_ALIAS_NAME = 2,     /* string[] */
    SPARK_ALIAS_METADATA = 3, /* string */
};

enum {
    SPARK_LAMBDA_FUNCTION_FUNCTION = 1,  /* Expression */
    SPARK_LAMBDA_FUNCTION_ARGUMENTS = 2, /* UnresolvedNamedLambdaVariable[] */
};

enum {
    SPARK_UNRESOLVED_NAMED_LAMBDA_VARIABLE_NAME_PARTS = 1, /* string[] */
};

enum {
    SPARK_EXPRESSION_COMMON_ORIGIN = 1, /* Origin */
};

enum {
    SPARK_COMMON_INLINE_USER_DEFINED_FUNCTION_FUNCTION_NAME = 1,    /* string */
    SPARK_COMMON_INLINE_USER_DEFINED_FUNCTION_DETERMINISTIC = 2,    /* bool */
    SPARK_COMMON_INLINE_USER_DEFINED_FUNCTION_ARGUMENTS = 3,        /* Expression[] */
    SPARK_COMMON_INLINE_USER_DEFINED_FUNCTION_PYTHON_UDF = 4,       /* PythonUDF */
    SPARK_COMMON_INLINE_USER_DEFINED_FUNCTION_SCALAR_SCALA_UDF = 5, /* ScalarScalaUDF */
    SPARK_COMMON_INLINE_USER_DEFINED_FUNCTION_JAVA_UDF = 6,         /* JavaUDF */
    SPARK_COMMON_INLINE_USER_DEFINED_FUNCTION_IS_DISTINCT = 7,      /* bool */
};

enum {
    SPARK_PYTHON_UDF_OUTPUT_TYPE = 1,         /* DataType */
    SPARK_PYTHON_UDF_EVAL_TYPE = 2,           /* int32 */
    SPARK_PYTHON_UDF_COMMAND = 3,             /* bytes */
    SPARK_PYTHON_UDF_PYTHON_VER = 4,          /* string */
    SPARK_PYTHON_UDF_ADDITIONAL_INCLUDES = 5, /* string[] */
};

enum {
    SPARK_SCALAR_SCALA_UDF_PAYLOAD = 1,     /* bytes */
    SPARK_SCALAR_SCALA_UDF_INPUT_TYPES = 2, /* DataType[] */
    SPARK_SCALAR_SCALA_UDF_OUTPUT_TYPE = 3, /* DataType */
    SPARK_SCALAR_SCALA_UDF_NULLABLE = 4,    /* bool */
    SPARK_SCALAR_SCALA_UDF_AGGREGATE = 5,   /* bool */
};

enum {
    SPARK_JAVA_UDF_CLASS_NAME = 1,  /* string */
    SPARK_JAVA_UDF_OUTPUT_TYPE = 2, /* DataType */
    SPARK_JAVA_UDF_AGGREGATE = 3,   /* bool */
};

enum {
    SPARK_TYPED_AGGREGATE_EXPRESSION_SCALAR_SCALA_UDF = 1, /* ScalarScalaUDF */
};

enum {
    SPARK_CALL_FUNCTION_FUNCTION_NAME = 1, /* string */
    SPARK_CALL_FUNCTION_ARGUMENTS = 2,     /* Expression[] */
};

enum {
    SPARK_NAMED_ARGUMENT_EXPRESSION_KEY = 1,   /* string */
    SPARK_NAMED_ARGUMENT_EXPRESSION_VALUE = 2, /* Expression */
};

enum {
    SPARK_MERGE_ACTION_ACTION_TYPE = 1, /* ActionType */
    SPARK_MERGE_ACTION_CONDITION = 2,   /* Expression */
    SPARK_MERGE_ACTION_ASSIGNMENTS = 3, /* Assignment[] */
};

/* Values of MergeAction.ActionType. */
enum {
    SPARK_ACTION_TYPE_INVALID = 0,
    SPARK_ACTION_TYPE_DELETE = 1,
    SPARK_ACTION_TYPE_INSERT = 2,
    SPARK_ACTION_TYPE_INSERT_STAR = 3,
    SPARK_ACTION_TYPE_UPDATE = 4,
    SPARK_ACTION_TYPE_UPDATE_STAR = 5,
};

enum {
    SPARK_MERGE_ACTION_ASSIGNMENT_KEY = 1,   /* Expression */
    SPARK_MERGE_ACTION_ASSIGNMENT_VALUE = 2, /* Expression */
};

enum {
    SPARK_SUBQUERY_EXPRESSION_PLAN_ID = 1,            /* int64 */
    SPARK_SUBQUERY_EXPRESSION_SUBQUERY_TYPE = 2,      /* SubqueryType */
    SPARK_SUBQUERY_EXPRESSION_TABLE_ARG_OPTIONS = 3,  /* TableArgOptions */
    SPARK_SUBQUERY_EXPRESSION_IN_SUBQUERY_VALUES = 4, /* Expression[] */
};

/* Values of SubqueryExpression.SubqueryType. */
enum {
    SPARK_SUBQUERY_TYPE_UNKNOWN = 0,
    SPARK_SUBQUERY_TYPE_SCALAR = 1,
    SPARK_SUBQUERY_TYPE_EXISTS = 2,
    SPARK_SUBQUERY_TYPE_TABLE_ARG = 3,
    SPARK_SUBQUERY_TYPE_IN = 4,
};

enum {
    SPARK_SUBQUERY_EXPRESSION_TABLE_ARG_OPTIONS_PARTITION_SPEC = 1,        /* Expression[] */
    SPARK_SUBQUERY_EXPRESSION_TABLE_ARG_OPTIONS_ORDER_SPEC = 2,            /* SortOrder[] */
    SPARK_SUBQUERY_EXPRESSION_TABLE_ARG_OPTIONS_WITH_SINGLE_PARTITION = 3, /* bool */
};

enum {
    SPARK_ORIGIN_PYTHON_ORIGIN = 1, /* PythonOrigin */
    SPARK_ORIGIN_JVM_ORIGIN = 2,    /* JvmOrigin */
};

enum {
    SPARK_PYTHON_ORIGIN_FRAGMENT = 1,  /* string */
    SPARK_PYTHON_ORIGIN_CALL_SITE = 2, /* string */
};

enum {
    SPARK_JVM_ORIGIN_LINE = 1,           /* int32 */
    SPARK_JVM_ORIGIN_START_POSITION = 2, /* int32 */
    SPARK_JVM_ORIGIN_START_INDEX = 3,    /* int32 */
    SPARK_JVM_ORIGIN_STOP_INDEX = 4,     /* int32 */
    SPARK_JVM_ORIGIN_SQL_TEXT = 5,       /* string */
    SPARK_JVM_ORIGIN_OBJECT_TYPE = 6,    /* string */
    SPARK_JVM_ORIGIN_OBJECT_NAME = 7,    /* string */
    SPARK_JVM_ORIGIN_STACK_TRACE = 8,    /* StackTraceElement[] */
};

enum {
    SPARK_STORAGE_LEVEL_USE_DISK = 1,     /* bool */
    SPARK_STORAGE_LEVEL_USE_MEMORY = 2,   /* bool */
    SPARK_STORAGE_LEVEL_USE_OFF_HEAP = 3, /* bool */
    SPARK_STORAGE_LEVEL_DESERIALIZED = 4, /* bool */
    SPARK_STORAGE_LEVEL_REPLICATION = 5,  /* int32 */
};

enum {
    SPARK_BOOLS_VALUES = 1, /* bool[] */
};

enum {
    SPARK_INTS_VALUES = 1, /* int32[] */
};

enum {
    SPARK_LONGS_VALUES = 1, /* int64[] */
};

enum {
    SPARK_FLOATS_VALUES = 1, /* float[] */
};

enum {
    SPARK_DOUBLES_VALUES = 1, /* double[] */
};

enum {
    SPARK_STRINGS_VALUES = 1, /* string[] */
};
