/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * SQL text to tokens. Keywords are words: which of them are reserved is the parser's affair.
 * Comments, nested ones too, and hints are white space.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/plan/unresolved.h"

#define SQL_TEXT_MAX (UINT32_C(16) << 20)
#define SQL_TOKENS_MAX (UINT32_C(4) << 20)

typedef enum TokenKind {
    TOKEN_END,
    TOKEN_WORD,   /* letters, digits, _ and bytes above 127 */
    TOKEN_QUOTED, /* `a``b` */
    TOKEN_STRING, /* 'a', "a", r'a' */
    TOKEN_INTEGER,
    TOKEN_DECIMAL,  /* 1.5, .5, 1. */
    TOKEN_EXPONENT, /* 1e5, 1.5e-3 */
    TOKEN_SUFFIXED, /* 1L 1S 1Y 1.5F 1.5D 1.5BD */
    TOKEN_OPERATOR, /* @op */
    TOKEN_BAD,      /* unterminated, or a byte that nothing starts with */
} TokenKind;

/* Operators by their first characters: one number each. */
typedef enum TokenOp {
    OP_NONE,
    OP_LPAREN,
    OP_RPAREN,
    OP_LBRACKET,
    OP_RBRACKET,
    OP_COMMA,
    OP_DOT,
    OP_SEMICOLON,
    OP_COLON,
    OP_DOUBLE_COLON,
    OP_QUESTION,
    OP_PLUS,
    OP_MINUS,
    OP_STAR,
    OP_SLASH,
    OP_PERCENT,
    OP_TILDE,
    OP_AMPERSAND,
    OP_PIPE,
    OP_CONCAT,
    OP_HAT,
    OP_EQ,
    OP_NULL_SAFE_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_NOT,
    OP_ARROW,
    OP_FAT_ARROW,
    OP_SHIFT_LEFT,
    OP_SHIFT_RIGHT,
    OP_SHIFT_RIGHT_UNSIGNED,
} TokenOp;

typedef struct Token {
    uint8_t kind; /* TokenKind */
    uint8_t op;   /* TokenOp */
    uint32_t start, stop;
} Token;

/**
 * sql_lex() - all tokens of a text
 * @ret_tokens: in the builder's arena; the last one is TOKEN_END
 * Return: 0; the builder's failure (text too long, too many tokens, no memory). Bad tokens are
 * tokens.
 */
int sql_lex(UBuilder *b, const char *text, size_t n, Token **ret_tokens, uint32_t *ret_n);

/**
 * sql_unquote() - the value of a TOKEN_STRING or TOKEN_QUOTED
 * Escapes as in Spark: \n \t \0 \uXXXX \UXXXXXXXX \ooo, '' for '; \% and \_ stay for LIKE.
 * Return: NUL-terminated copy (it may hold NUL inside), or NULL.
 */
char *sql_unquote(UBuilder *b, const char *text, const Token *token, size_t *ret_n);
