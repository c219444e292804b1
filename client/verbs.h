/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verbs of `berth`. argv[0] is the verb. Return: the exit status. */

int verb_sql(int argc, char **argv);
