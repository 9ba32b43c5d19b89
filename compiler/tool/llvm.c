/* llvm.c - the LLVM target is a module of its own, pigeon-llvm.so, which is loaded when code is to be made: LLVM takes five times as long to load as a
 * model to check.  The module calls back into this program. */
#include "tool/tool.h"
#include "target/llvm/llvm.h"
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

static const LlvmTarget *loaded;
const LlvmTarget *llvm_target(Context *cx) {
    if (loaded) return loaded;
    const char *path = home_module(cx, "pigeon-llvm.so");
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const LlvmTarget *t = handle ? dlsym(handle, "pigeon_llvm") : NULL;
    if (!t) diag_error(cx, D_TOOL_MISSING, NO_LOC, "the code generator can't be loaded: %s", dlerror());
    else if (strcmp(t->version, PACKAGE_VERSION)) diag_error(cx, D_TOOL_MISSING, NO_LOC, "%s belongs to pigeonc %s, this is %s", path, t->version, PACKAGE_VERSION);
    else loaded = t;
    return loaded;
}
