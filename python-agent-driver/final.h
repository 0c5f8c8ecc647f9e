// SPDX-License-Identifier: Apache-2.0
/*
 * What final.c (the end of a run), shutdown.c (is there anything to join or to call?) and
 * survivors.c (what is left of a run) share. For their use alone.
 */
#ifndef FINAL_H
#define FINAL_H

#include "driver.h"
#include "pyinternal.h"

/* shutdown.c: at the snapshot, what the handlers of preloaded modules work on. */
void shutdown_remember(void);
/* No thread was started, and no atexit handler has anything to do. */
bool shutdown_idle(void);

/* survivors.c: at the snapshot, what is there before any run. */
void survivors_remember(void);
/* Is there anything of the run that would be seen to die? */
bool survivors_any(void);
/* Call the finalizers of what is left, in the collector's order, as its last collection does under
 * python3 for what the preloaded modules alone hold. */
void survivors_finalize(void);
/* sys.modules becomes a dict with the run's modules alone. */
void survivors_hide_preloaded(void);

#endif
