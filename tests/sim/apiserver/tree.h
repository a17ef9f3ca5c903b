/*
 * sim/apiserver/tree.h - what cJSON lacks. Pure.
 */
#ifndef SIM_APISERVER_TREE_H
#define SIM_APISERVER_TREE_H

#include "json/json.h"

/* Takes item. cJSON_InsertItemInArray of Debian 12 (1.7.15-1+deb12u4) loses items put in the middle. */
static inline void tree_insert(cJSON *arr, int at, cJSON *item)
{
    cJSON *rest = json_new_arr();

    while (cJSON_GetArraySize(arr) > at)
        json_push(rest, cJSON_DetachItemFromArray(arr, at));
    json_push(arr, item);
    while (rest->child)
        json_push(arr, cJSON_DetachItemFromArray(rest, 0));
    cJSON_Delete(rest);
}

#endif
