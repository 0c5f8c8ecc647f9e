// SPDX-License-Identifier: Apache-2.0
#include "mcp_fixtures.h"

#include <errno.h>

static bool fixture_take(json_t *tool, json_t *list, json_t *fixtures)
{
    const char *name = NULL, *about = NULL, *code = NULL;
    json_t *schema = NULL, *shown;

    if (json_unpack(tool, "{s:s, s:s, s:o, s:s}", "name", &name, "description", &about,
                    "inputSchema", &schema, "code", &code) < 0) {
        return false;
    }
    shown = json_pack("{s:s, s:s, s:O}", "name", name, "description", about, "inputSchema", schema);
    return json_array_append_new(list, shown) == 0 && json_object_set(fixtures, name, tool) == 0;
}

int mcp_fixtures_load(const char *path, json_t *list, json_t *fixtures, struct vmm_err *err)
{
    json_error_t why = {.line = -1};
    json_t *all = json_load_file(path, 0, &why), *tool;
    int rc = 0;
    size_t i;

    if (!json_is_array(all)) {
        rc = vmm_err_set(err, EINVAL, "%s: no JSON list of tools: %s", path,
                         all == NULL ? why.text : "it is another value");
    }
    json_array_foreach(all, i, tool)
    {
        if (rc == 0 && !fixture_take(tool, list, fixtures)) {
            rc = vmm_err_set(err, EINVAL,
                             "%s: tool %zu of the list has no name, description, inputSchema and "
                             "code",
                             path, i);
        }
    }
    json_decref(all);
    return rc;
}
