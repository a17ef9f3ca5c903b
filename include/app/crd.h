/*
 * app/crd.h - `everserve crd`: the CustomResourceDefinition of this build, as YAML.
 */
#ifndef APP_CRD_H
#define APP_CRD_H

/* argv[0] is "crd". Exit status: 0, 64 on wrong usage. */
int app_crd(int argc, char **argv);

#endif
