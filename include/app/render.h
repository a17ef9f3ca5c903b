/*
 * app/render.h - `everserve render FILE|-`: the exact manifests, offline.
 *
 * The controller's own path: isvc_decode, then desired_child for each child.
 */
#ifndef APP_RENDER_H
#define APP_RENDER_H

/* argv[0] is "render". Exit status: 0, 1 when a resource was refused, 64 on wrong usage. */
int app_render(int argc, char **argv);

#endif
