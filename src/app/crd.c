#include "app/crd.h"

#include <stdio.h>

#include "api/crd.h"
#include "json/yaml.h"

int app_crd(int argc, char **argv)
{
    AUTO_JSON cJSON *crd = crd_build();
    AUTO_FREE char *text = yaml_print(crd);
    (void)argv;

    if (argc > 1) {
        fputs("usage: everserve crd | kubectl apply --server-side -f -\n", stderr);
        return 64;
    }
    return fputs(text, stdout) < 0;
}
