/*
 * sim/apiserver/table.h - objects as people and metadata clients want them: meta.k8s.io
 * Table and PartialObjectMetadata. Pure, but for the age column, which is the clock's.
 */
#ifndef SIM_APISERVER_TABLE_H
#define SIM_APISERVER_TABLE_H

#include "sim/apiserver/server.h"

/* One object. with_columns: false for all but the first event of a watch. Caller owns. */
cJSON *table_object(const struct resource *res, const cJSON *obj, enum form form, bool with_columns);
/* A whole list, which is taken. */
cJSON *table_list(const struct resource *res, cJSON *list, enum form form);

#endif
