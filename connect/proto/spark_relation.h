/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Field numbers of Spark Connect 4.2: relations.
 *
 * Numbers of fields and values, SPARK_<MESSAGE>_<FIELD>; the comment is the type of the field, []
 * means repeated. A map is a repeated message whose fields are SPARK_MAP_KEY and SPARK_MAP_VALUE.
 * Machine learning, streaming state and Python map functions have only their number in Relation:
 * they are refused by name.
 */

enum {
    SPARK_RELATION_COMMON = 1,                      /* RelationCommon */
    SPARK_RELATION_READ = 2,                        /* Read */
    SPARK_RELATION_PROJECT = 3,                     /* Project */
    SPARK_RELATION_FILTER = 4,                      /* Filter */
    SPARK_RELATION_JOIN = 5,                        /* Join */
    SPARK_RELATION_SET_OP = 6,                      /* SetOperation */
    SPARK_RELATION_SORT = 7,                        /* Sort */
    SPARK_RELATION_LIMIT = 8,                       /* Limit */
    SPARK_RELATION_AGGREGATE = 9,                   /* Aggregate */
    SPARK_RELATION_SQL = 10,                        /* SQL */
    SPARK_RELATION_LOCAL_RELATION = 11,             /* LocalRelation */
    SPARK_RELATION_SAMPLE = 12,                     /* Sample */
    SPARK_RELATION_OFFSET = 13,                     /* Offset */
    SPARK_RELATION_DEDUPLICATE = 14,                /* Deduplicate */
    SPARK_RELATION_RANGE = 15,                      /* Range */
    SPARK_RELATION_SUBQUERY_ALIAS = 16,             /* SubqueryAlias */
    SPARK_RELATION_REPARTITION = 17,                /* Repartition */
    SPARK_RELATION_TO_DF = 18,                      /* ToDF */
    SPARK_RELATION_WITH_COLUMNS_RENAMED = 19,       /* WithColumnsRenamed */
    SPARK_RELATION_SHOW_STRING = 20,                /* ShowString */
    SPARK_RELATION_DROP = 21,                       /* Drop */
    SPARK_RELATION_TAIL = 22,                       /* Tail */
    SPARK_RELATION_WITH_COLUMNS = 23,               /* WithColumns */
    SPARK_RELATION_HINT = 24,                       /* Hint */
    SPARK_RELATION_UNPIVOT = 25,                    /* Unpivot */
    SPARK_RELATION_TO_SCHEMA = 26,                  /* ToSchema */
    SPARK_RELATION_REPARTITION_BY_EXPRESSION = 27,  /* RepartitionByExpression */
    SPARK_RELATION_MAP_PARTITIONS = 28,             /* MapPartitions */
    SPARK_RELATION_COLLECT_METRICS = 29,            /* CollectMetrics */
    SPARK_RELATION_PARSE = 30,                      /* Parse */
    SPARK_RELATION_GROUP_MAP = 31,                  /* GroupMap */
    SPARK_RELATION_CO_GROUP_MAP = 32,               /* CoGroupMap */
    SPARK_RELATION_WITH_WATERMARK = 33,             /* WithWatermark */
    SPARK_RELATION_APPLY_IN_PANDAS_WITH_STATE = 34, /* ApplyInPandasWithState */
    SPARK_RELATION_HTML_STRING = 35,                /* HtmlString */
    SPARK_RELATION_CACHED_LOCAL_RELATION = 36,      /* CachedLocalRelation */
    SPARK_RELATION_CACHED_REMOTE_RELATION = 37,     /* CachedRemoteRelation */
    SPARK_RELATION_COMMON_INLINE_USER_DEFINED_TABLE_FUNCTION =
        38,                         /* CommonInlineUserDefinedTableFunction */
    SPARK_RELATION_AS_OF_JOIN = 39, /* AsOfJoin */
    SPARK_RELATION_COMMON_INLINE_USER_DEFINED_DATA_SOURCE =
        40,                                               /* CommonInlineUserDefinedDataSource */
    SPARK_RELATION_WITH_RELATIONS = 41,                   /* WithRelations */
    SPARK_RELATION_TRANSPOSE = 42,                        /* Transpose */
    SPARK_RELATION_UNRESOLVED_TABLE_VALUED_FUNCTION = 43, /* UnresolvedTableValuedFunction */
    SPARK_RELATION_LATERAL_JOIN = 44,                     /* LateralJoin */
    SPARK_RELATION_CHUNKED_CACHED_LOCAL_RELATION = 45,    /* ChunkedCachedLocalRelation */
    SPARK_RELATION_RELATION_CHANGES = 46,                 /* RelationChanges */
    SPARK_RELATION_NEAREST_BY_JOIN = 47,                  /* NearestByJoin */
    SPARK_RELATION_FILL_NA = 90,                          /* NAFill */
    SPARK_RELATION_DROP_NA = 91,                          /* NADrop */
    SPARK_RELATION_REPLACE = 92,                          /* NAReplace */
    SPARK_RELATION_SUMMARY = 100,                         /* StatSummary */
    SPARK_RELATION_CROSSTAB = 101,                        /* StatCrosstab */
    SPARK_RELATION_DESCRIBE = 102,                        /* StatDescribe */
    SPARK_RELATION_COV = 103,                             /* StatCov */
    SPARK_RELATION_CORR = 104,                            /* StatCorr */
    SPARK_RELATION_APPROX_QUANTILE = 105,                 /* StatApproxQuantile */
    SPARK_RELATION_FREQ_ITEMS = 106,                      /* StatFreqItems */
    SPARK_RELATION_SAMPLE_BY = 107,                       /* StatSampleBy */
    SPARK_RELATION_CATALOG = 200,                         /* Catalog */
    SPARK_RELATION_ML_RELATION = 300,                     /* MlRelation */
    SPARK_RELATION_EXTENSION = 998,                       /* Any */
    SPARK_RELATION_UNKNOWN = 999,                         /* Unknown */
};

enum {
    SPARK_RELATION_COMMON_SOURCE_INFO = 1, /* string */
    SPARK_RELATION_COMMON_PLAN_ID = 2,     /* int64 */
    SPARK_RELATION_COMMON_ORIGIN = 3,      /* Origin */
};

enum {
    SPARK_SQL_QUERY = 1,           /* string */
    SPARK_SQL_ARGS = 2,            /* map of string to Literal */
    SPARK_SQL_POS_ARGS = 3,        /* Literal[] */
    SPARK_SQL_NAMED_ARGUMENTS = 4, /* map of string to Expression */
    SPARK_SQL_POS_ARGUMENTS = 5,   /* Expression[] */
};

enum {
    SPARK_WITH_RELATIONS_ROOT = 1,       /* Relation */
    SPARK_WITH_RELATIONS_REFERENCES = 2, /* Relation[] */
};

enum {
    SPARK_READ_NAMED_TABLE = 1,  /* NamedTable */
    SPARK_READ_DATA_SOURCE = 2,  /* DataSource */
    SPARK_READ_IS_STREAMING = 3, /* bool */
};

enum {
    SPARK_NAMED_TABLE_UNPARSED_IDENTIFIER = 1, /* string */
    SPARK_NAMED_TABLE_OPTIONS = 2,             /* map of string to string */
};

enum {
    SPARK_DATA_SOURCE_FORMAT = 1,      /* string */
    SPARK_DATA_SOURCE_SCHEMA = 2,      /* string */
    SPARK_DATA_SOURCE_OPTIONS = 3,     /* map of string to string */
    SPARK_DATA_SOURCE_PATHS = 4,       /* string[] */
    SPARK_DATA_SOURCE_PREDICATES = 5,  /* string[] */
    SPARK_DATA_SOURCE_SOURCE_NAME = 6, /* string */
};

enum {
    SPARK_RELATION_CHANGES_UNPARSED_IDENTIFIER = 1, /* string */
    SPARK_RELATION_CHANGES_OPTIONS = 2,             /* map of string to string */
    SPARK_RELATION_CHANGES_IS_STREAMING = 3,        /* bool */
};

enum {
    SPARK_PROJECT_INPUT = 1,       /* Relation */
    SPARK_PROJECT_EXPRESSIONS = 3, /* Expression[] */
};

enum {
    SPARK_FILTER_INPUT = 1,     /* Relation */
    SPARK_FILTER_CONDITION = 2, /* Expression */
};

enum {
    SPARK_JOIN_LEFT = 1,           /* Relation */
    SPARK_JOIN_RIGHT = 2,          /* Relation */
    SPARK_JOIN_JOIN_CONDITION = 3, /* Expression */
    SPARK_JOIN_JOIN_TYPE = 4,      /* JoinType */
    SPARK_JOIN_USING_COLUMNS = 5,  /* string[] */
    SPARK_JOIN_JOIN_DATA_TYPE = 6, /* JoinDataType */
};

/* Values of Join.JoinType. */
enum {
    SPARK_JOIN_TYPE_UNSPECIFIED = 0,
    SPARK_JOIN_TYPE_INNER = 1,
    SPARK_JOIN_TYPE_FULL_OUTER = 2,
    SPARK_JOIN_TYPE_LEFT_OUTER = 3,
    SPARK_JOIN_TYPE_RIGHT_OUTER = 4,
    SPARK_JOIN_TYPE_LEFT_ANTI = 5,
    SPARK_JOIN_TYPE_LEFT_SEMI = 6,
    SPARK_JOIN_TYPE_CROSS = 7,
};

enum {
    SPARK_JOIN_JOIN_DATA_TYPE_IS_LEFT_STRUCT = 1,  /* bool */
    SPARK_JOIN_JOIN_DATA_TYPE_IS_RIGHT_STRUCT = 2, /* bool */
};

enum {
    SPARK_SET_OPERATION_LEFT_INPUT = 1,            /* Relation */
    SPARK_SET_OPERATION_RIGHT_INPUT = 2,           /* Relation */
    SPARK_SET_OPERATION_SET_OP_TYPE = 3,           /* SetOpType */
    SPARK_SET_OPERATION_IS_ALL = 4,                /* bool */
    SPARK_SET_OPERATION_BY_NAME = 5,               /* bool */
    SPARK_SET_OPERATION_ALLOW_MISSING_COLUMNS = 6, /* bool */
};

/* Values of SetOperation.SetOpType. */
enum {
    SPARK_SET_OP_TYPE_UNSPECIFIED = 0,
    SPARK_SET_OP_TYPE_INTERSECT = 1,
    SPARK_SET_OP_TYPE_UNION = 2,
    SPARK_SET_OP_TYPE_EXCEPT = 3,
};

enum {
    SPARK_LIMIT_INPUT = 1, /* Relation */
    SPARK_LIMIT_LIMIT = 2, /* int32 */
};

enum {
    SPARK_OFFSET_INPUT = 1,  /* Relation */
    SPARK_OFFSET_OFFSET = 2, /* int32 */
};

enum {
    SPARK_TAIL_INPUT = 1, /* Relation */
    SPARK_TAIL_LIMIT = 2, /* int32 */
};

enum {
    SPARK_AGGREGATE_INPUT = 1,                 /* Relation */
    SPARK_AGGREGATE_GROUP_TYPE = 2,            /* GroupType */
    SPARK_AGGREGATE_GROUPING_EXPRESSIONS = 3,  /* Expression[] */
    SPARK_AGGREGATE_AGGREGATE_EXPRESSIONS = 4, /* Expression[] */
    SPARK_AGGREGATE_PIVOT = 5,                 /* Pivot */
    SPARK_AGGREGATE_GROUPING_SETS = 6,         /* GroupingSets[] */
};

/* Values of Aggregate.GroupType. */
enum {
    SPARK_GROUP_TYPE_UNSPECIFIED = 0,
    SPARK_GROUP_TYPE_GROUPBY = 1,
    SPARK_GROUP_TYPE_ROLLUP = 2,
    SPARK_GROUP_TYPE_CUBE = 3,
    SPARK_GROUP_TYPE_PIVOT = 4,
    SPARK_GROUP_TYPE_GROUPING_SETS = 5,
};

enum {
    SPARK_PIVOT_COL = 1,    /* Expression */
    SPARK_PIVOT_VALUES = 2, /* Literal[] */
};

enum {
    SPARK_GROUPING_SETS_GROUPING_SET = 1, /* Expression[] */
};

enum {
    SPARK_SORT_INPUT = 1,     /* Relation */
    SPARK_SORT_ORDER = 2,     /* SortOrder[] */
    SPARK_SORT_IS_GLOBAL = 3, /* bool */
};

enum {
    SPARK_DROP_INPUT = 1,        /* Relation */
    SPARK_DROP_COLUMNS = 2,      /* Expression[] */
    SPARK_DROP_COLUMN_NAMES = 3, /* string[] */
};

enum {
    SPARK_DEDUPLICATE_INPUT = 1,               /* Relation */
    SPARK_DEDUPLICATE_COLUMN_NAMES = 2,        /* string[] */
    SPARK_DEDUPLICATE_ALL_COLUMNS_AS_KEYS = 3, /* bool */
    SPARK_DEDUPLICATE_WITHIN_WATERMARK = 4,    /* bool */
};

enum {
    SPARK_LOCAL_RELATION_DATA = 1,   /* bytes */
    SPARK_LOCAL_RELATION_SCHEMA = 2, /* string */
};

enum {
    SPARK_CACHED_LOCAL_RELATION_HASH = 3, /* string */
};

enum {
    SPARK_CHUNKED_CACHED_LOCAL_RELATION_DATA_HASHES = 1, /* string[] */
    SPARK_CHUNKED_CACHED_LOCAL_RELATION_SCHEMA_HASH = 2, /* string */
};

enum {
    SPARK_CACHED_REMOTE_RELATION_RELATION_ID = 1, /* string */
};

enum {
    SPARK_SAMPLE_INPUT = 1,               /* Relation */
    SPARK_SAMPLE_LOWER_BOUND = 2,         /* double */
    SPARK_SAMPLE_UPPER_BOUND = 3,         /* double */
    SPARK_SAMPLE_WITH_REPLACEMENT = 4,    /* bool */
    SPARK_SAMPLE_SEED = 5,                /* int64 */
    SPARK_SAMPLE_DETERMINISTIC_ORDER = 6, /* bool */
};

enum {
    SPARK_RANGE_START = 1,          /* int64 */
    SPARK_RANGE_END = 2,            /* int64 */
    SPARK_RANGE_STEP = 3,           /* int64 */
    SPARK_RANGE_NUM_PARTITIONS = 4, /* int32 */
};

enum {
    SPARK_SUBQUERY_ALIAS_INPUT = 1,     /* Relation */
    SPARK_SUBQUERY_ALIAS_ALIAS = 2,     /* string */
    SPARK_SUBQUERY_ALIAS_QUALIFIER = 3, /* string[] */
};

enum {
    SPARK_REPARTITION_INPUT = 1,          /* Relation */
    SPARK_REPARTITION_NUM_PARTITIONS = 2, /* int32 */
    SPARK_REPARTITION_SHUFFLE = 3,        /* bool */
};

enum {
    SPARK_SHOW_STRING_INPUT = 1,    /* Relation */
    SPARK_SHOW_STRING_NUM_ROWS = 2, /* int32 */
    SPARK_SHOW_STRING_TRUNCATE = 3, /* int32 */
    SPARK_SHOW_STRING_VERTICAL = 4, /* bool */
};

enum {
    SPARK_HTML_STRING_INPUT = 1,    /* Relation */
    SPARK_HTML_STRING_NUM_ROWS = 2, /* int32 */
    SPARK_HTML_STRING_TRUNCATE = 3, /* int32 */
};

enum {
    SPARK_STAT_SUMMARY_INPUT = 1,      /* Relation */
    SPARK_STAT_SUMMARY_STATISTICS = 2, /* string[] */
};

enum {
    SPARK_STAT_DESCRIBE_INPUT = 1, /* Relation */
    SPARK_STAT_DESCRIBE_COLS = 2,  /* string[] */
};

enum {
    SPARK_STAT_CROSSTAB_INPUT = 1, /* Relation */
    SPARK_STAT_CROSSTAB_COL1 = 2,  /* string */
    SPARK_STAT_CROSSTAB_COL2 = 3,  /* string */
};

enum {
    SPARK_STAT_COV_INPUT = 1, /* Relation */
    SPARK_STAT_COV_COL1 = 2,  /* string */
    SPARK_STAT_COV_COL2 = 3,  /* string */
};

enum {
    SPARK_STAT_CORR_INPUT = 1,  /* Relation */
    SPARK_STAT_CORR_COL1 = 2,   /* string */
    SPARK_STAT_CORR_COL2 = 3,   /* string */
    SPARK_STAT_CORR_METHOD = 4, /* string */
};

enum {
    SPARK_STAT_APPROX_QUANTILE_INPUT = 1,          /* Relation */
    SPARK_STAT_APPROX_QUANTILE_COLS = 2,           /* string[] */
    SPARK_STAT_APPROX_QUANTILE_PROBABILITIES = 3,  /* double[] */
    SPARK_STAT_APPROX_QUANTILE_RELATIVE_ERROR = 4, /* double */
};

enum {
    SPARK_STAT_FREQ_ITEMS_INPUT = 1,   /* Relation */
    SPARK_STAT_FREQ_ITEMS_COLS = 2,    /* string[] */
    SPARK_STAT_FREQ_ITEMS_SUPPORT = 3, /* double */
};

enum {
    SPARK_STAT_SAMPLE_BY_INPUT = 1,     /* Relation */
    SPARK_STAT_SAMPLE_BY_COL = 2,       /* Expression */
    SPARK_STAT_SAMPLE_BY_FRACTIONS = 3, /* Fraction[] */
    SPARK_STAT_SAMPLE_BY_SEED = 5,      /* int64 */
};

enum {
    SPARK_STAT_SAMPLE_BY_FRACTION_STRATUM = 1,  /* Literal */
    SPARK_STAT_SAMPLE_BY_FRACTION_FRACTION = 2, /* double */
};

enum {
    SPARK_NA_FILL_INPUT = 1,  /* Relation */
    SPARK_NA_FILL_COLS = 2,   /* string[] */
    SPARK_NA_FILL_VALUES = 3, /* Literal[] */
};

enum {
    SPARK_NA_DROP_INPUT = 1,         /* Relation */
    SPARK_NA_DROP_COLS = 2,          /* string[] */
    SPARK_NA_DROP_MIN_NON_NULLS = 3, /* int32 */
};

enum {
    SPARK_NA_REPLACE_INPUT = 1,        /* Relation */
    SPARK_NA_REPLACE_COLS = 2,         /* string[] */
    SPARK_NA_REPLACE_REPLACEMENTS = 3, /* Replacement[] */
};

enum {
    SPARK_NA_REPLACE_REPLACEMENT_OLD_VALUE = 1, /* Literal */
    SPARK_NA_REPLACE_REPLACEMENT_NEW_VALUE = 2, /* Literal */
};

enum {
    SPARK_TO_DF_INPUT = 1,        /* Relation */
    SPARK_TO_DF_COLUMN_NAMES = 2, /* string[] */
};

enum {
    SPARK_WITH_COLUMNS_RENAMED_INPUT = 1,              /* Relation */
    SPARK_WITH_COLUMNS_RENAMED_RENAME_COLUMNS_MAP = 2, /* map of string to string */
    SPARK_WITH_COLUMNS_RENAMED_RENAMES = 3,            /* Rename[] */
};

enum {
    SPARK_WITH_COLUMNS_RENAMED_RENAME_COL_NAME = 1,     /* string */
    SPARK_WITH_COLUMNS_RENAMED_RENAME_NEW_COL_NAME = 2, /* string */
};

enum {
    SPARK_WITH_COLUMNS_INPUT = 1,   /* Relation */
    SPARK_WITH_COLUMNS_ALIASES = 2, /* Alias[] */
};

enum {
    SPARK_HINT_INPUT = 1,      /* Relation */
    SPARK_HINT_NAME = 2,       /* string */
    SPARK_HINT_PARAMETERS = 3, /* Expression[] */
};

enum {
    SPARK_UNPIVOT_INPUT = 1,                /* Relation */
    SPARK_UNPIVOT_IDS = 2,                  /* Expression[] */
    SPARK_UNPIVOT_VALUES = 3,               /* Values */
    SPARK_UNPIVOT_VARIABLE_COLUMN_NAME = 4, /* string */
    SPARK_UNPIVOT_VALUE_COLUMN_NAME = 5,    /* string */
};

enum {
    SPARK_UNPIVOT_VALUES_VALUES = 1, /* Expression[] */
};

enum {
    SPARK_TRANSPOSE_INPUT = 1,         /* Relation */
    SPARK_TRANSPOSE_INDEX_COLUMNS = 2, /* Expression[] */
};

enum {
    SPARK_UNRESOLVED_TABLE_VALUED_FUNCTION_FUNCTION_NAME = 1, /* string */
    SPARK_UNRESOLVED_TABLE_VALUED_FUNCTION_ARGUMENTS = 2,     /* Expression[] */
};

enum {
    SPARK_TO_SCHEMA_INPUT = 1,  /* Relation */
    SPARK_TO_SCHEMA_SCHEMA = 2, /* DataType */
};

enum {
    SPARK_REPARTITION_BY_EXPRESSION_INPUT = 1,           /* Relation */
    SPARK_REPARTITION_BY_EXPRESSION_PARTITION_EXPRS = 2, /* Expression[] */
    SPARK_REPARTITION_BY_EXPRESSION_NUM_PARTITIONS = 3,  /* int32 */
};

enum {
    SPARK_TRANSFORM_WITH_STATE_INFO_TIME_MODE = 1,              /* string */
    SPARK_TRANSFORM_WITH_STATE_INFO_EVENT_TIME_COLUMN_NAME = 2, /* string */
    SPARK_TRANSFORM_WITH_STATE_INFO_OUTPUT_SCHEMA = 3,          /* DataType */
};

enum {
    SPARK_COLLECT_METRICS_INPUT = 1,   /* Relation */
    SPARK_COLLECT_METRICS_NAME = 2,    /* string */
    SPARK_COLLECT_METRICS_METRICS = 3, /* Expression[] */
};

enum {
    SPARK_PARSE_INPUT = 1,   /* Relation */
    SPARK_PARSE_FORMAT = 2,  /* ParseFormat */
    SPARK_PARSE_SCHEMA = 3,  /* DataType */
    SPARK_PARSE_OPTIONS = 4, /* map of string to string */
};

/* Values of Parse.ParseFormat. */
enum {
    SPARK_PARSE_FORMAT_UNSPECIFIED = 0,
    SPARK_PARSE_FORMAT_CSV = 1,
    SPARK_PARSE_FORMAT_JSON = 2,
    SPARK_PARSE_FORMAT_XML = 3,
};

enum {
    SPARK_AS_OF_JOIN_LEFT = 1,                /* Relation */
    SPARK_AS_OF_JOIN_RIGHT = 2,               /* Relation */
    SPARK_AS_OF_JOIN_LEFT_AS_OF = 3,          /* Expression */
    SPARK_AS_OF_JOIN_RIGHT_AS_OF = 4,         /* Expression */
    SPARK_AS_OF_JOIN_JOIN_EXPR = 5,           /* Expression */
    SPARK_AS_OF_JOIN_USING_COLUMNS = 6,       /* string[] */
    SPARK_AS_OF_JOIN_JOIN_TYPE = 7,           /* string */
    SPARK_AS_OF_JOIN_TOLERANCE = 8,           /* Expression */
    SPARK_AS_OF_JOIN_ALLOW_EXACT_MATCHES = 9, /* bool */
    SPARK_AS_OF_JOIN_DIRECTION = 10,          /* string */
};

enum {
    SPARK_LATERAL_JOIN_LEFT = 1,           /* Relation */
    SPARK_LATERAL_JOIN_RIGHT = 2,          /* Relation */
    SPARK_LATERAL_JOIN_JOIN_CONDITION = 3, /* Expression */
    SPARK_LATERAL_JOIN_JOIN_TYPE = 4,      /* JoinType */
};

enum {
    SPARK_NEAREST_BY_JOIN_LEFT = 1,               /* Relation */
    SPARK_NEAREST_BY_JOIN_RIGHT = 2,              /* Relation */
    SPARK_NEAREST_BY_JOIN_RANKING_EXPRESSION = 3, /* Expression */
    SPARK_NEAREST_BY_JOIN_NUM_RESULTS = 4,        /* int32 */
    SPARK_NEAREST_BY_JOIN_JOIN_TYPE = 5,          /* string */
    SPARK_NEAREST_BY_JOIN_MODE = 6,               /* string */
    SPARK_NEAREST_BY_JOIN_DIRECTION = 7,          /* string */
};
