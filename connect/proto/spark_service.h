/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Field numbers of Spark Connect 4.2: requests and replies of the service.
 *
 * Numbers of fields and values, SPARK_<MESSAGE>_<FIELD>; the comment is the type of the field, []
 * means repeated. A map is a repeated message whose fields are SPARK_MAP_KEY and SPARK_MAP_VALUE.
 * Read from the descriptors of pyspark-client 4.2.0.
 */

/* Every map entry of every message. */
enum {
    SPARK_MAP_KEY = 1,
    SPARK_MAP_VALUE = 2,
};

enum {
    SPARK_PLAN_ROOT = 1,                 /* Relation */
    SPARK_PLAN_COMMAND = 2,              /* Command */
    SPARK_PLAN_COMPRESSED_OPERATION = 3, /* CompressedOperation */
};

enum {
    SPARK_PLAN_COMPRESSED_OPERATION_DATA = 1,              /* bytes */
    SPARK_PLAN_COMPRESSED_OPERATION_OP_TYPE = 2,           /* OpType */
    SPARK_PLAN_COMPRESSED_OPERATION_COMPRESSION_CODEC = 3, /* CompressionCodec */
};

/* Values of Plan.CompressedOperation.OpType. */
enum {
    SPARK_OP_TYPE_UNSPECIFIED = 0,
    SPARK_OP_TYPE_RELATION = 1,
    SPARK_OP_TYPE_COMMAND = 2,
};

enum {
    SPARK_USER_CONTEXT_USER_ID = 1,      /* string */
    SPARK_USER_CONTEXT_USER_NAME = 2,    /* string */
    SPARK_USER_CONTEXT_EXTENSIONS = 999, /* Any[] */
};

enum {
    SPARK_ANALYZE_SESSION_ID = 1,                              /* string */
    SPARK_ANALYZE_USER_CONTEXT = 2,                            /* UserContext */
    SPARK_ANALYZE_CLIENT_TYPE = 3,                             /* string */
    SPARK_ANALYZE_SCHEMA = 4,                                  /* Schema */
    SPARK_ANALYZE_EXPLAIN = 5,                                 /* Explain */
    SPARK_ANALYZE_TREE_STRING = 6,                             /* TreeString */
    SPARK_ANALYZE_IS_LOCAL = 7,                                /* IsLocal */
    SPARK_ANALYZE_IS_STREAMING = 8,                            /* IsStreaming */
    SPARK_ANALYZE_INPUT_FILES = 9,                             /* InputFiles */
    SPARK_ANALYZE_SPARK_VERSION = 10,                          /* SparkVersion */
    SPARK_ANALYZE_DDL_PARSE = 11,                              /* DDLParse */
    SPARK_ANALYZE_SAME_SEMANTICS = 12,                         /* SameSemantics */
    SPARK_ANALYZE_SEMANTIC_HASH = 13,                          /* SemanticHash */
    SPARK_ANALYZE_PERSIST = 14,                                /* Persist */
    SPARK_ANALYZE_UNPERSIST = 15,                              /* Unpersist */
    SPARK_ANALYZE_GET_STORAGE_LEVEL = 16,                      /* GetStorageLevel */
    SPARK_ANALYZE_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID = 17, /* string */
    SPARK_ANALYZE_JSON_TO_DDL = 18,                            /* JsonToDDL */
};

enum {
    SPARK_ANALYZE_SCHEMA_PLAN = 1, /* Plan */
};

enum {
    SPARK_ANALYZE_EXPLAIN_PLAN = 1,         /* Plan */
    SPARK_ANALYZE_EXPLAIN_EXPLAIN_MODE = 2, /* ExplainMode */
};

/* Values of AnalyzePlanRequest.Explain.ExplainMode. */
enum {
    SPARK_EXPLAIN_MODE_UNSPECIFIED = 0,
    SPARK_EXPLAIN_MODE_SIMPLE = 1,
    SPARK_EXPLAIN_MODE_EXTENDED = 2,
    SPARK_EXPLAIN_MODE_CODEGEN = 3,
    SPARK_EXPLAIN_MODE_COST = 4,
    SPARK_EXPLAIN_MODE_FORMATTED = 5,
};

enum {
    SPARK_ANALYZE_TREE_STRING_PLAN = 1,  /* Plan */
    SPARK_ANALYZE_TREE_STRING_LEVEL = 2, /* int32 */
};

enum {
    SPARK_ANALYZE_IS_LOCAL_PLAN = 1, /* Plan */
};

enum {
    SPARK_ANALYZE_IS_STREAMING_PLAN = 1, /* Plan */
};

enum {
    SPARK_ANALYZE_INPUT_FILES_PLAN = 1, /* Plan */
};

enum {
    SPARK_ANALYZE_DDL_PARSE_DDL_STRING = 1, /* string */
};

enum {
    SPARK_ANALYZE_SAME_SEMANTICS_TARGET_PLAN = 1, /* Plan */
    SPARK_ANALYZE_SAME_SEMANTICS_OTHER_PLAN = 2,  /* Plan */
};

enum {
    SPARK_ANALYZE_SEMANTIC_HASH_PLAN = 1, /* Plan */
};

enum {
    SPARK_ANALYZE_PERSIST_RELATION = 1,      /* Relation */
    SPARK_ANALYZE_PERSIST_STORAGE_LEVEL = 2, /* StorageLevel */
};

enum {
    SPARK_ANALYZE_UNPERSIST_RELATION = 1, /* Relation */
    SPARK_ANALYZE_UNPERSIST_BLOCKING = 2, /* bool */
};

enum {
    SPARK_ANALYZE_GET_STORAGE_LEVEL_RELATION = 1, /* Relation */
};

enum {
    SPARK_ANALYZE_JSON_TO_DDL_JSON_STRING = 1, /* string */
};

enum {
    SPARK_ANALYZED_SESSION_ID = 1,              /* string */
    SPARK_ANALYZED_SCHEMA = 2,                  /* Schema */
    SPARK_ANALYZED_EXPLAIN = 3,                 /* Explain */
    SPARK_ANALYZED_TREE_STRING = 4,             /* TreeString */
    SPARK_ANALYZED_IS_LOCAL = 5,                /* IsLocal */
    SPARK_ANALYZED_IS_STREAMING = 6,            /* IsStreaming */
    SPARK_ANALYZED_INPUT_FILES = 7,             /* InputFiles */
    SPARK_ANALYZED_SPARK_VERSION = 8,           /* SparkVersion */
    SPARK_ANALYZED_DDL_PARSE = 9,               /* DDLParse */
    SPARK_ANALYZED_SAME_SEMANTICS = 10,         /* SameSemantics */
    SPARK_ANALYZED_SEMANTIC_HASH = 11,          /* SemanticHash */
    SPARK_ANALYZED_PERSIST = 12,                /* Persist */
    SPARK_ANALYZED_UNPERSIST = 13,              /* Unpersist */
    SPARK_ANALYZED_GET_STORAGE_LEVEL = 14,      /* GetStorageLevel */
    SPARK_ANALYZED_SERVER_SIDE_SESSION_ID = 15, /* string */
    SPARK_ANALYZED_JSON_TO_DDL = 16,            /* JsonToDDL */
};

enum {
    SPARK_ANALYZED_SCHEMA_SCHEMA = 1, /* DataType */
};

enum {
    SPARK_ANALYZED_EXPLAIN_EXPLAIN_STRING = 1, /* string */
};

enum {
    SPARK_ANALYZED_TREE_STRING_TREE_STRING = 1, /* string */
};

enum {
    SPARK_ANALYZED_IS_LOCAL_IS_LOCAL = 1, /* bool */
};

enum {
    SPARK_ANALYZED_IS_STREAMING_IS_STREAMING = 1, /* bool */
};

enum {
    SPARK_ANALYZED_INPUT_FILES_FILES = 1, /* string[] */
};

enum {
    SPARK_ANALYZED_SPARK_VERSION_VERSION = 1, /* string */
};

enum {
    SPARK_ANALYZED_DDL_PARSE_PARSED = 1, /* DataType */
};

enum {
    SPARK_ANALYZED_SAME_SEMANTICS_RESULT = 1, /* bool */
};

enum {
    SPARK_ANALYZED_SEMANTIC_HASH_RESULT = 1, /* int32 */
};

enum {
    SPARK_ANALYZED_GET_STORAGE_LEVEL_STORAGE_LEVEL = 1, /* StorageLevel */
};

enum {
    SPARK_ANALYZED_JSON_TO_DDL_DDL_STRING = 1, /* string */
};

enum {
    SPARK_EXECUTE_SESSION_ID = 1,                             /* string */
    SPARK_EXECUTE_USER_CONTEXT = 2,                           /* UserContext */
    SPARK_EXECUTE_PLAN = 3,                                   /* Plan */
    SPARK_EXECUTE_CLIENT_TYPE = 4,                            /* string */
    SPARK_EXECUTE_REQUEST_OPTIONS = 5,                        /* RequestOption[] */
    SPARK_EXECUTE_OPERATION_ID = 6,                           /* string */
    SPARK_EXECUTE_TAGS = 7,                                   /* string[] */
    SPARK_EXECUTE_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID = 8, /* string */
};

enum {
    SPARK_REQUEST_OPTION_REATTACH_OPTIONS = 1,        /* ReattachOptions */
    SPARK_REQUEST_OPTION_RESULT_CHUNKING_OPTIONS = 2, /* ResultChunkingOptions */
    SPARK_REQUEST_OPTION_EXTENSION = 999,             /* Any */
};

enum {
    SPARK_RESPONSE_SESSION_ID = 1,                          /* string */
    SPARK_RESPONSE_ARROW_BATCH = 2,                         /* ArrowBatch */
    SPARK_RESPONSE_METRICS = 4,                             /* Metrics */
    SPARK_RESPONSE_SQL_COMMAND_RESULT = 5,                  /* SqlCommandResult */
    SPARK_RESPONSE_OBSERVED_METRICS = 6,                    /* ObservedMetrics[] */
    SPARK_RESPONSE_SCHEMA = 7,                              /* DataType */
    SPARK_RESPONSE_WRITE_STREAM_OPERATION_START_RESULT = 8, /* WriteStreamOperationStartResult */
    SPARK_RESPONSE_STREAMING_QUERY_COMMAND_RESULT = 9,      /* StreamingQueryCommandResult */
    SPARK_RESPONSE_GET_RESOURCES_COMMAND_RESULT = 10,       /* GetResourcesCommandResult */
    SPARK_RESPONSE_STREAMING_QUERY_MANAGER_COMMAND_RESULT =
        11,                                     /* StreamingQueryManagerCommandResult */
    SPARK_RESPONSE_OPERATION_ID = 12,           /* string */
    SPARK_RESPONSE_RESPONSE_ID = 13,            /* string */
    SPARK_RESPONSE_RESULT_COMPLETE = 14,        /* ResultComplete */
    SPARK_RESPONSE_SERVER_SIDE_SESSION_ID = 15, /* string */
    SPARK_RESPONSE_STREAMING_QUERY_LISTENER_EVENTS_RESULT =
        16, /* StreamingQueryListenerEventsResult */
    SPARK_RESPONSE_CREATE_RESOURCE_PROFILE_COMMAND_RESULT =
        17,                                        /* CreateResourceProfileCommandResult */
    SPARK_RESPONSE_EXECUTION_PROGRESS = 18,        /* ExecutionProgress */
    SPARK_RESPONSE_CHECKPOINT_COMMAND_RESULT = 19, /* CheckpointCommandResult */
    SPARK_RESPONSE_ML_COMMAND_RESULT = 20,         /* MlCommandResult */
    SPARK_RESPONSE_PIPELINE_EVENT_RESULT = 21,     /* PipelineEventResult */
    SPARK_RESPONSE_PIPELINE_COMMAND_RESULT = 22,   /* PipelineCommandResult */
    SPARK_RESPONSE_PIPELINE_QUERY_FUNCTION_EXECUTION_SIGNAL =
        23,                         /* PipelineQueryFunctionExecutionSignal */
    SPARK_RESPONSE_EXTENSION = 999, /* Any */
};

enum {
    SPARK_SQL_COMMAND_RESULT_RELATION = 1, /* Relation */
};

enum {
    SPARK_ARROW_BATCH_ROW_COUNT = 1,           /* int64 */
    SPARK_ARROW_BATCH_DATA = 2,                /* bytes */
    SPARK_ARROW_BATCH_START_OFFSET = 3,        /* int64 */
    SPARK_ARROW_BATCH_CHUNK_INDEX = 4,         /* int64 */
    SPARK_ARROW_BATCH_NUM_CHUNKS_IN_BATCH = 5, /* int64 */
};

enum {
    SPARK_METRICS_METRICS = 1, /* MetricObject[] */
};

enum {
    SPARK_METRICS_METRIC_OBJECT_NAME = 1,              /* string */
    SPARK_METRICS_METRIC_OBJECT_PLAN_ID = 2,           /* int64 */
    SPARK_METRICS_METRIC_OBJECT_PARENT = 3,            /* int64 */
    SPARK_METRICS_METRIC_OBJECT_EXECUTION_METRICS = 4, /* map of string to MetricValue */
};

enum {
    SPARK_METRICS_METRIC_VALUE_NAME = 1,        /* string */
    SPARK_METRICS_METRIC_VALUE_VALUE = 2,       /* int64 */
    SPARK_METRICS_METRIC_VALUE_METRIC_TYPE = 3, /* string */
};

enum {
    SPARK_CHECKPOINT_COMMAND_RESULT_RELATION = 1, /* CachedRemoteRelation */
};

enum {
    SPARK_OBSERVED_METRICS_NAME = 1,           /* string */
    SPARK_OBSERVED_METRICS_VALUES = 2,         /* Literal[] */
    SPARK_OBSERVED_METRICS_KEYS = 3,           /* string[] */
    SPARK_OBSERVED_METRICS_PLAN_ID = 4,        /* int64 */
    SPARK_OBSERVED_METRICS_ROOT_ERROR_IDX = 5, /* int32 */
    SPARK_OBSERVED_METRICS_ERRORS = 6,         /* Error[] */
};

enum {
    SPARK_EXECUTION_PROGRESS_STAGES = 1,             /* StageInfo[] */
    SPARK_EXECUTION_PROGRESS_NUM_INFLIGHT_TASKS = 2, /* int64 */
};

enum {
    SPARK_EXECUTION_PROGRESS_STAGE_INFO_STAGE_ID = 1,            /* int64 */
    SPARK_EXECUTION_PROGRESS_STAGE_INFO_NUM_TASKS = 2,           /* int64 */
    SPARK_EXECUTION_PROGRESS_STAGE_INFO_NUM_COMPLETED_TASKS = 3, /* int64 */
    SPARK_EXECUTION_PROGRESS_STAGE_INFO_INPUT_BYTES_READ = 4,    /* int64 */
    SPARK_EXECUTION_PROGRESS_STAGE_INFO_DONE = 5,                /* bool */
};

enum {
    SPARK_KEY_VALUE_KEY = 1,   /* string */
    SPARK_KEY_VALUE_VALUE = 2, /* string */
};

enum {
    SPARK_CONFIG_SESSION_ID = 1,                             /* string */
    SPARK_CONFIG_USER_CONTEXT = 2,                           /* UserContext */
    SPARK_CONFIG_OPERATION = 3,                              /* Operation */
    SPARK_CONFIG_CLIENT_TYPE = 4,                            /* string */
    SPARK_CONFIG_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID = 8, /* string */
};

enum {
    SPARK_CONFIG_OPERATION_SET = 1,              /* Set */
    SPARK_CONFIG_OPERATION_GET = 2,              /* Get */
    SPARK_CONFIG_OPERATION_GET_WITH_DEFAULT = 3, /* GetWithDefault */
    SPARK_CONFIG_OPERATION_GET_OPTION = 4,       /* GetOption */
    SPARK_CONFIG_OPERATION_GET_ALL = 5,          /* GetAll */
    SPARK_CONFIG_OPERATION_UNSET = 6,            /* Unset */
    SPARK_CONFIG_OPERATION_IS_MODIFIABLE = 7,    /* IsModifiable */
};

enum {
    SPARK_CONFIG_SET_PAIRS = 1,  /* KeyValue[] */
    SPARK_CONFIG_SET_SILENT = 2, /* bool */
};

enum {
    SPARK_CONFIG_GET_KEYS = 1, /* string[] */
};

enum {
    SPARK_CONFIG_GET_WITH_DEFAULT_PAIRS = 1, /* KeyValue[] */
};

enum {
    SPARK_CONFIG_GET_OPTION_KEYS = 1, /* string[] */
};

enum {
    SPARK_CONFIG_GET_ALL_PREFIX = 1, /* string */
};

enum {
    SPARK_CONFIG_UNSET_KEYS = 1, /* string[] */
};

enum {
    SPARK_CONFIG_IS_MODIFIABLE_KEYS = 1, /* string[] */
};

enum {
    SPARK_CONFIGURED_SESSION_ID = 1,             /* string */
    SPARK_CONFIGURED_PAIRS = 2,                  /* KeyValue[] */
    SPARK_CONFIGURED_WARNINGS = 3,               /* string[] */
    SPARK_CONFIGURED_SERVER_SIDE_SESSION_ID = 4, /* string */
};

enum {
    SPARK_ADD_ARTIFACTS_SESSION_ID = 1,                             /* string */
    SPARK_ADD_ARTIFACTS_USER_CONTEXT = 2,                           /* UserContext */
    SPARK_ADD_ARTIFACTS_BATCH = 3,                                  /* Batch */
    SPARK_ADD_ARTIFACTS_BEGIN_CHUNK = 4,                            /* BeginChunkedArtifact */
    SPARK_ADD_ARTIFACTS_CHUNK = 5,                                  /* ArtifactChunk */
    SPARK_ADD_ARTIFACTS_CLIENT_TYPE = 6,                            /* string */
    SPARK_ADD_ARTIFACTS_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID = 7, /* string */
};

enum {
    SPARK_ADD_ARTIFACTS_ARTIFACT_CHUNK_DATA = 1, /* bytes */
    SPARK_ADD_ARTIFACTS_ARTIFACT_CHUNK_CRC = 2,  /* int64 */
};

enum {
    SPARK_ADD_ARTIFACTS_SINGLE_CHUNK_ARTIFACT_NAME = 1, /* string */
    SPARK_ADD_ARTIFACTS_SINGLE_CHUNK_ARTIFACT_DATA = 2, /* ArtifactChunk */
};

enum {
    SPARK_ADD_ARTIFACTS_BATCH_ARTIFACTS = 1, /* SingleChunkArtifact[] */
};

enum {
    SPARK_ADD_ARTIFACTS_BEGIN_CHUNKED_ARTIFACT_NAME = 1,          /* string */
    SPARK_ADD_ARTIFACTS_BEGIN_CHUNKED_ARTIFACT_TOTAL_BYTES = 2,   /* int64 */
    SPARK_ADD_ARTIFACTS_BEGIN_CHUNKED_ARTIFACT_NUM_CHUNKS = 3,    /* int64 */
    SPARK_ADD_ARTIFACTS_BEGIN_CHUNKED_ARTIFACT_INITIAL_CHUNK = 4, /* ArtifactChunk */
};

enum {
    SPARK_ARTIFACTS_ADDED_ARTIFACTS = 1,              /* ArtifactSummary[] */
    SPARK_ARTIFACTS_ADDED_SESSION_ID = 2,             /* string */
    SPARK_ARTIFACTS_ADDED_SERVER_SIDE_SESSION_ID = 3, /* string */
};

enum {
    SPARK_ARTIFACTS_ADDED_ARTIFACT_SUMMARY_NAME = 1,              /* string */
    SPARK_ARTIFACTS_ADDED_ARTIFACT_SUMMARY_IS_CRC_SUCCESSFUL = 2, /* bool */
};

enum {
    SPARK_ARTIFACT_STATUSES_SESSION_ID = 1,                             /* string */
    SPARK_ARTIFACT_STATUSES_USER_CONTEXT = 2,                           /* UserContext */
    SPARK_ARTIFACT_STATUSES_CLIENT_TYPE = 3,                            /* string */
    SPARK_ARTIFACT_STATUSES_NAMES = 4,                                  /* string[] */
    SPARK_ARTIFACT_STATUSES_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID = 5, /* string */
};

enum {
    SPARK_ARTIFACT_STATUSES_REPLY_STATUSES = 1,               /* map of string to ArtifactStatus */
    SPARK_ARTIFACT_STATUSES_REPLY_SESSION_ID = 2,             /* string */
    SPARK_ARTIFACT_STATUSES_REPLY_SERVER_SIDE_SESSION_ID = 3, /* string */
};

enum {
    SPARK_ARTIFACT_STATUSES_REPLY_ARTIFACT_STATUS_EXISTS = 1, /* bool */
};

enum {
    SPARK_INTERRUPT_SESSION_ID = 1,                             /* string */
    SPARK_INTERRUPT_USER_CONTEXT = 2,                           /* UserContext */
    SPARK_INTERRUPT_CLIENT_TYPE = 3,                            /* string */
    SPARK_INTERRUPT_INTERRUPT_TYPE = 4,                         /* InterruptType */
    SPARK_INTERRUPT_OPERATION_TAG = 5,                          /* string */
    SPARK_INTERRUPT_OPERATION_ID = 6,                           /* string */
    SPARK_INTERRUPT_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID = 7, /* string */
};

/* Values of InterruptRequest.InterruptType. */
enum {
    SPARK_INTERRUPT_TYPE_UNSPECIFIED = 0,
    SPARK_INTERRUPT_TYPE_ALL = 1,
    SPARK_INTERRUPT_TYPE_TAG = 2,
    SPARK_INTERRUPT_TYPE_OPERATION_ID = 3,
};

enum {
    SPARK_INTERRUPTED_SESSION_ID = 1,             /* string */
    SPARK_INTERRUPTED_INTERRUPTED_IDS = 2,        /* string[] */
    SPARK_INTERRUPTED_SERVER_SIDE_SESSION_ID = 3, /* string */
};

enum {
    SPARK_REATTACH_OPTIONS_REATTACHABLE = 1, /* bool */
};

enum {
    SPARK_RESULT_CHUNKING_OPTIONS_ALLOW_ARROW_BATCH_CHUNKING = 1, /* bool */
    SPARK_RESULT_CHUNKING_OPTIONS_PREFERRED_ARROW_CHUNK_SIZE = 2, /* int64 */
};

enum {
    SPARK_REATTACH_SESSION_ID = 1,                             /* string */
    SPARK_REATTACH_USER_CONTEXT = 2,                           /* UserContext */
    SPARK_REATTACH_OPERATION_ID = 3,                           /* string */
    SPARK_REATTACH_CLIENT_TYPE = 4,                            /* string */
    SPARK_REATTACH_LAST_RESPONSE_ID = 5,                       /* string */
    SPARK_REATTACH_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID = 6, /* string */
};

enum {
    SPARK_RELEASE_SESSION_ID = 1,                             /* string */
    SPARK_RELEASE_USER_CONTEXT = 2,                           /* UserContext */
    SPARK_RELEASE_OPERATION_ID = 3,                           /* string */
    SPARK_RELEASE_CLIENT_TYPE = 4,                            /* string */
    SPARK_RELEASE_RELEASE_ALL = 5,                            /* ReleaseAll */
    SPARK_RELEASE_RELEASE_UNTIL = 6,                          /* ReleaseUntil */
    SPARK_RELEASE_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID = 7, /* string */
};

enum {
    SPARK_RELEASE_RELEASE_UNTIL_RESPONSE_ID = 1, /* string */
};

enum {
    SPARK_RELEASED_SESSION_ID = 1,             /* string */
    SPARK_RELEASED_OPERATION_ID = 2,           /* string */
    SPARK_RELEASED_SERVER_SIDE_SESSION_ID = 3, /* string */
};

enum {
    SPARK_RELEASE_SESSION_SESSION_ID = 1,      /* string */
    SPARK_RELEASE_SESSION_USER_CONTEXT = 2,    /* UserContext */
    SPARK_RELEASE_SESSION_CLIENT_TYPE = 3,     /* string */
    SPARK_RELEASE_SESSION_ALLOW_RECONNECT = 4, /* bool */
};

enum {
    SPARK_SESSION_RELEASED_SESSION_ID = 1,             /* string */
    SPARK_SESSION_RELEASED_SERVER_SIDE_SESSION_ID = 2, /* string */
};

enum {
    SPARK_FETCH_ERROR_SESSION_ID = 1,                             /* string */
    SPARK_FETCH_ERROR_USER_CONTEXT = 2,                           /* UserContext */
    SPARK_FETCH_ERROR_ERROR_ID = 3,                               /* string */
    SPARK_FETCH_ERROR_CLIENT_TYPE = 4,                            /* string */
    SPARK_FETCH_ERROR_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID = 5, /* string */
};

enum {
    SPARK_ERROR_DETAILS_ROOT_ERROR_IDX = 1,         /* int32 */
    SPARK_ERROR_DETAILS_ERRORS = 2,                 /* Error[] */
    SPARK_ERROR_DETAILS_SERVER_SIDE_SESSION_ID = 3, /* string */
    SPARK_ERROR_DETAILS_SESSION_ID = 4,             /* string */
};

enum {
    SPARK_ERROR_DETAILS_STACK_TRACE_ELEMENT_DECLARING_CLASS = 1, /* string */
    SPARK_ERROR_DETAILS_STACK_TRACE_ELEMENT_METHOD_NAME = 2,     /* string */
    SPARK_ERROR_DETAILS_STACK_TRACE_ELEMENT_FILE_NAME = 3,       /* string */
    SPARK_ERROR_DETAILS_STACK_TRACE_ELEMENT_LINE_NUMBER = 4,     /* int32 */
};

enum {
    SPARK_ERROR_DETAILS_QUERY_CONTEXT_OBJECT_TYPE = 1,   /* string */
    SPARK_ERROR_DETAILS_QUERY_CONTEXT_OBJECT_NAME = 2,   /* string */
    SPARK_ERROR_DETAILS_QUERY_CONTEXT_START_INDEX = 3,   /* int32 */
    SPARK_ERROR_DETAILS_QUERY_CONTEXT_STOP_INDEX = 4,    /* int32 */
    SPARK_ERROR_DETAILS_QUERY_CONTEXT_FRAGMENT = 5,      /* string */
    SPARK_ERROR_DETAILS_QUERY_CONTEXT_CALL_SITE = 6,     /* string */
    SPARK_ERROR_DETAILS_QUERY_CONTEXT_SUMMARY = 7,       /* string */
    SPARK_ERROR_DETAILS_QUERY_CONTEXT_CONTEXT_TYPE = 10, /* ContextType */
};

/* Values of FetchErrorDetailsResponse.QueryContext.ContextType. */
enum {
    SPARK_CONTEXT_TYPE_SQL = 0,
    SPARK_CONTEXT_TYPE_DATAFRAME = 1,
};

enum {
    SPARK_ERROR_DETAILS_SPARK_THROWABLE_ERROR_CLASS = 1,          /* string */
    SPARK_ERROR_DETAILS_SPARK_THROWABLE_MESSAGE_PARAMETERS = 2,   /* map of string to string */
    SPARK_ERROR_DETAILS_SPARK_THROWABLE_QUERY_CONTEXTS = 3,       /* QueryContext[] */
    SPARK_ERROR_DETAILS_SPARK_THROWABLE_SQL_STATE = 4,            /* string */
    SPARK_ERROR_DETAILS_SPARK_THROWABLE_BREAKING_CHANGE_INFO = 5, /* BreakingChangeInfo */
};

enum {
    SPARK_ERROR_DETAILS_BREAKING_CHANGE_INFO_MIGRATION_MESSAGE = 1, /* string[] */
    SPARK_ERROR_DETAILS_BREAKING_CHANGE_INFO_MITIGATION_CONFIG = 2, /* MitigationConfig */
    SPARK_ERROR_DETAILS_BREAKING_CHANGE_INFO_NEEDS_AUDIT = 3,       /* bool */
};

enum {
    SPARK_ERROR_DETAILS_MITIGATION_CONFIG_KEY = 1,   /* string */
    SPARK_ERROR_DETAILS_MITIGATION_CONFIG_VALUE = 2, /* string */
};

enum {
    SPARK_ERROR_DETAILS_ERROR_ERROR_TYPE_HIERARCHY = 1, /* string[] */
    SPARK_ERROR_DETAILS_ERROR_MESSAGE = 2,              /* string */
    SPARK_ERROR_DETAILS_ERROR_STACK_TRACE = 3,          /* StackTraceElement[] */
    SPARK_ERROR_DETAILS_ERROR_CAUSE_IDX = 4,            /* int32 */
    SPARK_ERROR_DETAILS_ERROR_SPARK_THROWABLE = 5,      /* SparkThrowable */
};

enum {
    SPARK_CLONE_SESSION_ID = 1,                             /* string */
    SPARK_CLONE_USER_CONTEXT = 2,                           /* UserContext */
    SPARK_CLONE_CLIENT_TYPE = 3,                            /* string */
    SPARK_CLONE_NEW_SESSION_ID = 4,                         /* string */
    SPARK_CLONE_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID = 5, /* string */
};

enum {
    SPARK_CLONED_SESSION_ID = 1,                 /* string */
    SPARK_CLONED_SERVER_SIDE_SESSION_ID = 2,     /* string */
    SPARK_CLONED_NEW_SESSION_ID = 3,             /* string */
    SPARK_CLONED_NEW_SERVER_SIDE_SESSION_ID = 4, /* string */
};

enum {
    SPARK_GET_STATUS_SESSION_ID = 1,                             /* string */
    SPARK_GET_STATUS_USER_CONTEXT = 2,                           /* UserContext */
    SPARK_GET_STATUS_CLIENT_TYPE = 3,                            /* string */
    SPARK_GET_STATUS_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID = 4, /* string */
    SPARK_GET_STATUS_OPERATION_STATUS = 5,                       /* OperationStatusRequest */
    SPARK_GET_STATUS_EXTENSIONS = 999,                           /* Any[] */
};

enum {
    SPARK_GET_STATUS_OPERATION_STATUS_REQUEST_OPERATION_IDS = 1, /* string[] */
    SPARK_GET_STATUS_OPERATION_STATUS_REQUEST_EXTENSIONS = 999,  /* Any[] */
};

enum {
    SPARK_STATUS_SESSION_ID = 1,             /* string */
    SPARK_STATUS_SERVER_SIDE_SESSION_ID = 2, /* string */
    SPARK_STATUS_OPERATION_STATUSES = 3,     /* OperationStatus[] */
    SPARK_STATUS_EXTENSIONS = 999,           /* Any[] */
};

enum {
    SPARK_STATUS_OPERATION_STATUS_OPERATION_ID = 1, /* string */
    SPARK_STATUS_OPERATION_STATUS_STATE = 2,        /* OperationState */
    SPARK_STATUS_OPERATION_STATUS_EXTENSIONS = 999, /* Any[] */
};

/* Values of GetStatusResponse.OperationStatus.OperationState. */
enum {
    SPARK_OPERATION_STATE_UNSPECIFIED = 0,
    SPARK_OPERATION_STATE_UNKNOWN = 1,
    SPARK_OPERATION_STATE_RUNNING = 2,
    SPARK_OPERATION_STATE_TERMINATING = 3,
    SPARK_OPERATION_STATE_SUCCEEDED = 4,
    SPARK_OPERATION_STATE_FAILED = 5,
    SPARK_OPERATION_STATE_CANCELLED = 6,
};

/* Values of CompressionCodec. */
enum {
    SPARK_COMPRESSION_CODEC_UNSPECIFIED = 0,
    SPARK_COMPRESSION_CODEC_ZSTD = 1,
};
