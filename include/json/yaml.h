/*
 * json/yaml.h - the only door to libyaml: YAML text to JSON trees and back.
 *
 * Pure. YAML 1.1 as Kubernetes reads it (yaml -> JSON types): unquoted true,
 * false, null, integers and floats become those types, everything else text;
 * yes/no/on/off stay text, as in YAML 1.2. Refused with line and column,
 * ERR_INVALID: anchors and aliases that would expand past max nodes (1,000,000 nodes in all), depth over
 * 100, duplicate keys, keys that are not scalars, tags other than the core
 * ones, invalid UTF-8, input over 8 MiB.
 */
#ifndef JSON_YAML_H
#define JSON_YAML_H

#include "json/json.h"

/* All documents of the text (JSON is YAML) as one array; empty documents are left out. */
int yaml_parse(const char *text, size_t len, cJSON **docs, struct err *e) MUST_USE;

/* Block style, two spaces, strings quoted where they would read as something else.
 * Keys keep their order. Caller frees. */
char *yaml_print(const cJSON *v);

#endif
