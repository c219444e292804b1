/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Field numbers of Spark Connect 4.2: commands.
 *
 * Numbers of fields and values, SPARK_<MESSAGE>_<FIELD>; the comment is the type of the field, []
 * means repeated. A map is a repeated message whose fields are SPARK_MAP_KEY and SPARK_MAP_VALUE.
 * Streaming and machine learning have only their number in Command: they are refused by name.
 */

enum {
    SPARK_COMMAND_REGISTER_FUNCTION = 1,               /* CommonInlineUserDefinedFunction */
    SPARK_COMMAND_WRITE_OPERATION = 2,                 /* WriteOperation */
    SPARK_COMMAND_CREATE_DATAFRAME_VIEW = 3,           /* CreateDataFrameViewCommand */
    SPARK_COMMAND_WRITE_OPERATION_V2 = 4,              /* WriteOperationV2 */
    SPARK_COMMAND_SQL_COMMAND = 5,                     /* SqlCommand */
    SPARK_COMMAND_WRITE_STREAM_OPERATION_START = 6,    /* WriteStreamOperationStart */
    SPARK_COMMAND_STREAMING_QUERY_COMMAND = 7,         /* StreamingQueryCommand */
    SPARK_COMMAND_GET_RESOURCES_COMMAND = 8,           /* GetResourcesCommand */
    SPARK_COMMAND_STREAMING_QUERY_MANAGER_COMMAND = 9, /* StreamingQueryManagerCommand */
    SPARK_COMMAND_REGISTER_TABLE_FUNCTION = 10,        /* CommonInlineUserDefinedTableFunction */
    SPARK_COMMAND_STREAMING_QUERY_LISTENER_BUS_COMMAND = 11, /* StreamingQueryListenerBusCommand */
    SPARK_COMMAND_REGISTER_DATA_SOURCE = 12,                 /* CommonInlineUserDefinedDataSource */
    SPARK_COMMAND_CREATE_RESOURCE_PROFILE_COMMAND = 13,      /* CreateResourceProfileCommand */
    SPARK_COMMAND_CHECKPOINT_COMMAND = 14,                   /* CheckpointCommand */
    SPARK_COMMAND_REMOVE_CACHED_REMOTE_RELATION_COMMAND =
        15,                                      /* RemoveCachedRemoteRelationCommand */
    SPARK_COMMAND_MERGE_INTO_TABLE_COMMAND = 16, /* MergeIntoTableCommand */
    SPARK_COMMAND_ML_COMMAND = 17,               /* MlCommand */
    SPARK_COMMAND_EXECUTE_EXTERNAL_COMMAND = 18, /* ExecuteExternalCommand */
    SPARK_COMMAND_PIPELINE_COMMAND = 19,         /* PipelineCommand */
    SPARK_COMMAND_EXTENSION = 999,               /* Any */
};

enum {
    SPARK_SQL_COMMAND_SQL = 1,             /* string */
    SPARK_SQL_COMMAND_ARGS = 2,            /* map of string to Literal */
    SPARK_SQL_COMMAND_POS_ARGS = 3,        /* Literal[] */
    SPARK_SQL_COMMAND_NAMED_ARGUMENTS = 4, /* map of string to Expression */
    SPARK_SQL_COMMAND_POS_ARGUMENTS = 5,   /* Expression[] */
    SPARK_SQL_COMMAND_INPUT = 6,           /* Relation */
};

enum {
    SPARK_CREATE_VIEW_INPUT = 1,     /* Relation */
    SPARK_CREATE_VIEW_NAME = 2,      /* string */
    SPARK_CREATE_VIEW_IS_GLOBAL = 3, /* bool */
    SPARK_CREATE_VIEW_REPLACE = 4,   /* bool */
};

enum {
    SPARK_WRITE_OPERATION_INPUT = 1,                  /* Relation */
    SPARK_WRITE_OPERATION_SOURCE = 2,                 /* string */
    SPARK_WRITE_OPERATION_PATH = 3,                   /* string */
    SPARK_WRITE_OPERATION_TABLE = 4,                  /* SaveTable */
    SPARK_WRITE_OPERATION_MODE = 5,                   /* SaveMode */
    SPARK_WRITE_OPERATION_SORT_COLUMN_NAMES = 6,      /* string[] */
    SPARK_WRITE_OPERATION_PARTITIONING_COLUMNS = 7,   /* string[] */
    SPARK_WRITE_OPERATION_BUCKET_BY = 8,              /* BucketBy */
    SPARK_WRITE_OPERATION_OPTIONS = 9,                /* map of string to string */
    SPARK_WRITE_OPERATION_CLUSTERING_COLUMNS = 10,    /* string[] */
    SPARK_WRITE_OPERATION_WITH_SCHEMA_EVOLUTION = 11, /* bool */
};

/* Values of WriteOperation.SaveMode. */
enum {
    SPARK_SAVE_MODE_UNSPECIFIED = 0,
    SPARK_SAVE_MODE_APPEND = 1,
    SPARK_SAVE_MODE_OVERWRITE = 2,
    SPARK_SAVE_MODE_ERROR_IF_EXISTS = 3,
    SPARK_SAVE_MODE_IGNORE = 4,
};

enum {
    SPARK_WRITE_OPERATION_SAVE_TABLE_TABLE_NAME = 1,  /* string */
    SPARK_WRITE_OPERATION_SAVE_TABLE_SAVE_METHOD = 2, /* TableSaveMethod */
};

/* Values of WriteOperation.SaveTable.TableSaveMethod. */
enum {
    SPARK_TABLE_SAVE_METHOD_UNSPECIFIED = 0,
    SPARK_TABLE_SAVE_METHOD_SAVE_AS_TABLE = 1,
    SPARK_TABLE_SAVE_METHOD_INSERT_INTO = 2,
};

enum {
    SPARK_WRITE_OPERATION_BUCKET_BY_BUCKET_COLUMN_NAMES = 1, /* string[] */
    SPARK_WRITE_OPERATION_BUCKET_BY_NUM_BUCKETS = 2,         /* int32 */
};

enum {
    SPARK_WRITE_V2_INPUT = 1,                  /* Relation */
    SPARK_WRITE_V2_TABLE_NAME = 2,             /* string */
    SPARK_WRITE_V2_PROVIDER = 3,               /* string */
    SPARK_WRITE_V2_PARTITIONING_COLUMNS = 4,   /* Expression[] */
    SPARK_WRITE_V2_OPTIONS = 5,                /* map of string to string */
    SPARK_WRITE_V2_TABLE_PROPERTIES = 6,       /* map of string to string */
    SPARK_WRITE_V2_MODE = 7,                   /* Mode */
    SPARK_WRITE_V2_OVERWRITE_CONDITION = 8,    /* Expression */
    SPARK_WRITE_V2_CLUSTERING_COLUMNS = 9,     /* string[] */
    SPARK_WRITE_V2_WITH_SCHEMA_EVOLUTION = 10, /* bool */
};

/* Values of WriteOperationV2.Mode. */
enum {
    SPARK_MODE_UNSPECIFIED = 0,
    SPARK_MODE_CREATE = 1,
    SPARK_MODE_OVERWRITE = 2,
    SPARK_MODE_OVERWRITE_PARTITIONS = 3,
    SPARK_MODE_APPEND = 4,
    SPARK_MODE_REPLACE = 5,
    SPARK_MODE_CREATE_OR_REPLACE = 6,
};

enum {
    SPARK_REMOVE_CACHED_REMOTE_RELATION_COMMAND_RELATION = 1, /* CachedRemoteRelation */
};

enum {
    SPARK_CHECKPOINT_COMMAND_RELATION = 1,      /* Relation */
    SPARK_CHECKPOINT_COMMAND_LOCAL = 2,         /* bool */
    SPARK_CHECKPOINT_COMMAND_EAGER = 3,         /* bool */
    SPARK_CHECKPOINT_COMMAND_STORAGE_LEVEL = 4, /* StorageLevel */
};

enum {
    SPARK_MERGE_INTO_TABLE_COMMAND_TARGET_TABLE_NAME = 1,             /* string */
    SPARK_MERGE_INTO_TABLE_COMMAND_SOURCE_TABLE_PLAN = 2,             /* Relation */
    SPARK_MERGE_INTO_TABLE_COMMAND_MERGE_CONDITION = 3,               /* Expression */
    SPARK_MERGE_INTO_TABLE_COMMAND_MATCH_ACTIONS = 4,                 /* Expression[] */
    SPARK_MERGE_INTO_TABLE_COMMAND_NOT_MATCHED_ACTIONS = 5,           /* Expression[] */
    SPARK_MERGE_INTO_TABLE_COMMAND_NOT_MATCHED_BY_SOURCE_ACTIONS = 6, /* Expression[] */
    SPARK_MERGE_INTO_TABLE_COMMAND_WITH_SCHEMA_EVOLUTION = 7,         /* bool */
};
