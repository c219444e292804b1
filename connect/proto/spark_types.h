/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Field numbers of Spark Connect 4.2: data types and catalogue relations.
 *
 * Numbers of fields and values, SPARK_<MESSAGE>_<FIELD>; the comment is the type of the field, []
 * means repeated. A map is a repeated message whose fields are SPARK_MAP_KEY and SPARK_MAP_VALUE.
 */

enum {
    SPARK_TYPE_NULL = 1,                 /* NULL */
    SPARK_TYPE_BINARY = 2,               /* Binary */
    SPARK_TYPE_BOOLEAN = 3,              /* Boolean */
    SPARK_TYPE_BYTE = 4,                 /* Byte */
    SPARK_TYPE_SHORT = 5,                /* Short */
    SPARK_TYPE_INTEGER = 6,              /* Integer */
    SPARK_TYPE_LONG = 7,                 /* Long */
    SPARK_TYPE_FLOAT = 8,                /* Float */
    SPARK_TYPE_DOUBLE = 9,               /* Double */
    SPARK_TYPE_DECIMAL = 10,             /* Decimal */
    SPARK_TYPE_STRING = 11,              /* String */
    SPARK_TYPE_CHAR = 12,                /* Char */
    SPARK_TYPE_VAR_CHAR = 13,            /* VarChar */
    SPARK_TYPE_DATE = 14,                /* Date */
    SPARK_TYPE_TIMESTAMP = 15,           /* Timestamp */
    SPARK_TYPE_TIMESTAMP_NTZ = 16,       /* TimestampNTZ */
    SPARK_TYPE_CALENDAR_INTERVAL = 17,   /* CalendarInterval */
    SPARK_TYPE_YEAR_MONTH_INTERVAL = 18, /* YearMonthInterval */
    SPARK_TYPE_DAY_TIME_INTERVAL = 19,   /* DayTimeInterval */
    SPARK_TYPE_ARRAY = 20,               /* Array */
    SPARK_TYPE_STRUCT = 21,              /* Struct */
    SPARK_TYPE_MAP = 22,                 /* Map */
    SPARK_TYPE_UDT = 23,                 /* UDT */
    SPARK_TYPE_UNPARSED = 24,            /* Unparsed */
    SPARK_TYPE_VARIANT = 25,             /* Variant */
    SPARK_TYPE_GEOMETRY = 26,            /* Geometry */
    SPARK_TYPE_GEOGRAPHY = 27,           /* Geography */
    SPARK_TYPE_TIME = 28,                /* Time */
};

enum {
    SPARK_TYPE_STRING_COLLATION = 2, /* string */
};

enum {
    SPARK_TYPE_TIME_PRECISION = 1, /* int32 */
};

enum {
    SPARK_TYPE_YEAR_MONTH_INTERVAL_START_FIELD = 1, /* int32 */
    SPARK_TYPE_YEAR_MONTH_INTERVAL_END_FIELD = 2,   /* int32 */
};

enum {
    SPARK_TYPE_DAY_TIME_INTERVAL_START_FIELD = 1, /* int32 */
    SPARK_TYPE_DAY_TIME_INTERVAL_END_FIELD = 2,   /* int32 */
};

enum {
    SPARK_TYPE_CHAR_LENGTH = 1, /* int32 */
};

enum {
    SPARK_TYPE_VAR_CHAR_LENGTH = 1, /* int32 */
};

enum {
    SPARK_TYPE_DECIMAL_SCALE = 1,     /* int32 */
    SPARK_TYPE_DECIMAL_PRECISION = 2, /* int32 */
};

enum {
    SPARK_TYPE_STRUCT_FIELD_NAME = 1,      /* string */
    SPARK_TYPE_STRUCT_FIELD_DATA_TYPE = 2, /* DataType */
    SPARK_TYPE_STRUCT_FIELD_NULLABLE = 3,  /* bool */
    SPARK_TYPE_STRUCT_FIELD_METADATA = 4,  /* string */
};

enum {
    SPARK_TYPE_STRUCT_FIELDS = 1, /* StructField[] */
};

enum {
    SPARK_TYPE_ARRAY_ELEMENT_TYPE = 1,  /* DataType */
    SPARK_TYPE_ARRAY_CONTAINS_NULL = 2, /* bool */
};

enum {
    SPARK_TYPE_MAP_KEY_TYPE = 1,            /* DataType */
    SPARK_TYPE_MAP_VALUE_TYPE = 2,          /* DataType */
    SPARK_TYPE_MAP_VALUE_CONTAINS_NULL = 3, /* bool */
};

enum {
    SPARK_TYPE_GEOMETRY_SRID = 1, /* int32 */
};

enum {
    SPARK_TYPE_GEOGRAPHY_SRID = 1, /* int32 */
};

enum {
    SPARK_TYPE_UDT_TYPE = 1,                    /* string */
    SPARK_TYPE_UDT_JVM_CLASS = 2,               /* string */
    SPARK_TYPE_UDT_PYTHON_CLASS = 3,            /* string */
    SPARK_TYPE_UDT_SERIALIZED_PYTHON_CLASS = 4, /* string */
    SPARK_TYPE_UDT_SQL_TYPE = 5,                /* DataType */
};

enum {
    SPARK_TYPE_UNPARSED_DATA_TYPE_STRING = 1, /* string */
};

enum {
    SPARK_CATALOG_CURRENT_DATABASE = 1,         /* CurrentDatabase */
    SPARK_CATALOG_SET_CURRENT_DATABASE = 2,     /* SetCurrentDatabase */
    SPARK_CATALOG_LIST_DATABASES = 3,           /* ListDatabases */
    SPARK_CATALOG_LIST_TABLES = 4,              /* ListTables */
    SPARK_CATALOG_LIST_FUNCTIONS = 5,           /* ListFunctions */
    SPARK_CATALOG_LIST_COLUMNS = 6,             /* ListColumns */
    SPARK_CATALOG_GET_DATABASE = 7,             /* GetDatabase */
    SPARK_CATALOG_GET_TABLE = 8,                /* GetTable */
    SPARK_CATALOG_GET_FUNCTION = 9,             /* GetFunction */
    SPARK_CATALOG_DATABASE_EXISTS = 10,         /* DatabaseExists */
    SPARK_CATALOG_TABLE_EXISTS = 11,            /* TableExists */
    SPARK_CATALOG_FUNCTION_EXISTS = 12,         /* FunctionExists */
    SPARK_CATALOG_CREATE_EXTERNAL_TABLE = 13,   /* CreateExternalTable */
    SPARK_CATALOG_CREATE_TABLE = 14,            /* CreateTable */
    SPARK_CATALOG_DROP_TEMP_VIEW = 15,          /* DropTempView */
    SPARK_CATALOG_DROP_GLOBAL_TEMP_VIEW = 16,   /* DropGlobalTempView */
    SPARK_CATALOG_RECOVER_PARTITIONS = 17,      /* RecoverPartitions */
    SPARK_CATALOG_IS_CACHED = 18,               /* IsCached */
    SPARK_CATALOG_CACHE_TABLE = 19,             /* CacheTable */
    SPARK_CATALOG_UNCACHE_TABLE = 20,           /* UncacheTable */
    SPARK_CATALOG_CLEAR_CACHE = 21,             /* ClearCache */
    SPARK_CATALOG_REFRESH_TABLE = 22,           /* RefreshTable */
    SPARK_CATALOG_REFRESH_BY_PATH = 23,         /* RefreshByPath */
    SPARK_CATALOG_CURRENT_CATALOG = 24,         /* CurrentCatalog */
    SPARK_CATALOG_SET_CURRENT_CATALOG = 25,     /* SetCurrentCatalog */
    SPARK_CATALOG_LIST_CATALOGS = 26,           /* ListCatalogs */
    SPARK_CATALOG_DROP_TABLE = 27,              /* DropTable */
    SPARK_CATALOG_DROP_VIEW = 28,               /* DropView */
    SPARK_CATALOG_CREATE_DATABASE = 29,         /* CreateDatabase */
    SPARK_CATALOG_DROP_DATABASE = 30,           /* DropDatabase */
    SPARK_CATALOG_LIST_PARTITIONS = 31,         /* ListPartitions */
    SPARK_CATALOG_LIST_VIEWS = 32,              /* ListViews */
    SPARK_CATALOG_GET_TABLE_PROPERTIES = 33,    /* GetTableProperties */
    SPARK_CATALOG_GET_CREATE_TABLE_STRING = 34, /* GetCreateTableString */
    SPARK_CATALOG_TRUNCATE_TABLE = 35,          /* TruncateTable */
    SPARK_CATALOG_ANALYZE_TABLE = 36,           /* AnalyzeTable */
};

enum {
    SPARK_SET_CURRENT_DATABASE_DB_NAME = 1, /* string */
};

enum {
    SPARK_LIST_DATABASES_PATTERN = 1, /* string */
};

enum {
    SPARK_LIST_TABLES_DB_NAME = 1, /* string */
    SPARK_LIST_TABLES_PATTERN = 2, /* string */
};

enum {
    SPARK_LIST_FUNCTIONS_DB_NAME = 1, /* string */
    SPARK_LIST_FUNCTIONS_PATTERN = 2, /* string */
};

enum {
    SPARK_LIST_COLUMNS_TABLE_NAME = 1, /* string */
    SPARK_LIST_COLUMNS_DB_NAME = 2,    /* string */
};

enum {
    SPARK_GET_DATABASE_DB_NAME = 1, /* string */
};

enum {
    SPARK_GET_TABLE_TABLE_NAME = 1, /* string */
    SPARK_GET_TABLE_DB_NAME = 2,    /* string */
};

enum {
    SPARK_GET_FUNCTION_FUNCTION_NAME = 1, /* string */
    SPARK_GET_FUNCTION_DB_NAME = 2,       /* string */
};

enum {
    SPARK_DATABASE_EXISTS_DB_NAME = 1, /* string */
};

enum {
    SPARK_TABLE_EXISTS_TABLE_NAME = 1, /* string */
    SPARK_TABLE_EXISTS_DB_NAME = 2,    /* string */
};

enum {
    SPARK_FUNCTION_EXISTS_FUNCTION_NAME = 1, /* string */
    SPARK_FUNCTION_EXISTS_DB_NAME = 2,       /* string */
};

enum {
    SPARK_CREATE_EXTERNAL_TABLE_TABLE_NAME = 1, /* string */
    SPARK_CREATE_EXTERNAL_TABLE_PATH = 2,       /* string */
    SPARK_CREATE_EXTERNAL_TABLE_SOURCE = 3,     /* string */
    SPARK_CREATE_EXTERNAL_TABLE_SCHEMA = 4,     /* DataType */
    SPARK_CREATE_EXTERNAL_TABLE_OPTIONS = 5,    /* map of string to string */
};

enum {
    SPARK_CREATE_TABLE_TABLE_NAME = 1,  /* string */
    SPARK_CREATE_TABLE_PATH = 2,        /* string */
    SPARK_CREATE_TABLE_SOURCE = 3,      /* string */
    SPARK_CREATE_TABLE_DESCRIPTION = 4, /* string */
    SPARK_CREATE_TABLE_SCHEMA = 5,      /* DataType */
    SPARK_CREATE_TABLE_OPTIONS = 6,     /* map of string to string */
};

enum {
    SPARK_DROP_TEMP_VIEW_VIEW_NAME = 1, /* string */
};

enum {
    SPARK_DROP_GLOBAL_TEMP_VIEW_VIEW_NAME = 1, /* string */
};

enum {
    SPARK_RECOVER_PARTITIONS_TABLE_NAME = 1, /* string */
};

enum {
    SPARK_IS_CACHED_TABLE_NAME = 1, /* string */
};

enum {
    SPARK_CACHE_TABLE_TABLE_NAME = 1,    /* string */
    SPARK_CACHE_TABLE_STORAGE_LEVEL = 2, /* StorageLevel */
};

enum {
    SPARK_UNCACHE_TABLE_TABLE_NAME = 1, /* string */
};

enum {
    SPARK_REFRESH_TABLE_TABLE_NAME = 1, /* string */
};

enum {
    SPARK_REFRESH_BY_PATH_PATH = 1, /* string */
};

enum {
    SPARK_SET_CURRENT_CATALOG_CATALOG_NAME = 1, /* string */
};

enum {
    SPARK_LIST_CATALOGS_PATTERN = 1, /* string */
};

enum {
    SPARK_DROP_TABLE_TABLE_NAME = 1, /* string */
    SPARK_DROP_TABLE_IF_EXISTS = 2,  /* bool */
    SPARK_DROP_TABLE_PURGE = 3,      /* bool */
};

enum {
    SPARK_DROP_VIEW_VIEW_NAME = 1, /* string */
    SPARK_DROP_VIEW_IF_EXISTS = 2, /* bool */
};

enum {
    SPARK_CREATE_DATABASE_DB_NAME = 1,       /* string */
    SPARK_CREATE_DATABASE_IF_NOT_EXISTS = 2, /* bool */
    SPARK_CREATE_DATABASE_PROPERTIES = 3,    /* map of string to string */
};

enum {
    SPARK_DROP_DATABASE_DB_NAME = 1,   /* string */
    SPARK_DROP_DATABASE_IF_EXISTS = 2, /* bool */
    SPARK_DROP_DATABASE_CASCADE = 3,   /* bool */
};

enum {
    SPARK_LIST_PARTITIONS_TABLE_NAME = 1, /* string */
};

enum {
    SPARK_LIST_VIEWS_DB_NAME = 1, /* string */
    SPARK_LIST_VIEWS_PATTERN = 2, /* string */
};

enum {
    SPARK_GET_TABLE_PROPERTIES_TABLE_NAME = 1, /* string */
};

enum {
    SPARK_GET_CREATE_TABLE_STRING_TABLE_NAME = 1, /* string */
    SPARK_GET_CREATE_TABLE_STRING_AS_SERDE = 2,   /* bool */
};

enum {
    SPARK_TRUNCATE_TABLE_TABLE_NAME = 1, /* string */
};

enum {
    SPARK_ANALYZE_TABLE_TABLE_NAME = 1, /* string */
    SPARK_ANALYZE_TABLE_NO_SCAN = 2,    /* bool */
};
