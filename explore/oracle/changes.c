/* Changes, handles' beginnings and ends, scopes: begin, call, return. */
#include "oracle/internal.h"
#include "park/parker.h"

void o_warm(int thread)
{
	lapse_scope scope;

	x_be(thread);
	lapse_scope_enter(&scope, 0);
	(void)lapse_scope_share(&scope);
	(void)lapse_poll(NULL, 0);
	(void)lapse_scope_leave(&scope);
	if (lp_parker_mine(&o_all.parkers[thread]) < 0)
		x_unfit("oracle: no parker");
}

/* ---- Handles ---- */

/* What a dial shows at birth: as if somebody had set it then. */
static void born(int handle, int scope, enum o_kind kind, int64_t value)
{
	struct o_change *c = &o_all.changes[o_all.change_count];

	if (o_all.change_count == O_CHANGES)
		x_unfit("oracle: more than %d changes in a run", O_CHANGES);
	o_all.change_count++;
	*c = (struct o_change){.kind = kind,
	                       .handle = handle,
	                       .scope = scope,
	                       .dirs = LAPSE_READ | LAPSE_WRITE,
	                       .value = value,
	                       .time = x_time_seen()};
	o_span_begin(&c->span);
	o_span_end(&c->span);
}

static lapse_fd add(lapse_fd fd)
{
	if (fd == LAPSE_NOFD)
		return fd;
	(void)o_handle_add(fd, lapse_sysfd(fd));
	born(o_all.handle_count - 1, -1, O_SET, LAPSE_NEVER);
	born(o_all.handle_count - 1, -1, O_IDLE, LAPSE_NEVER);
	return fd;
}

static int add_pair(lapse_fd ends[2], int r)
{
	if (r == 0) {
		(void)add(ends[0]);
		(void)add(ends[1]);
	}
	return r;
}

int o_socketpair(lapse_fd ends[2])
{
	return add_pair(ends, lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
}

lapse_fd o_adopt(int number)
{
	return add(lapse_adopt(number));
}

lapse_fd o_dup(lapse_fd fd)
{
	struct o_call *c = o_begin_on("dup", fd, 0, false, 0);
	lapse_fd made = lapse_dup(fd);

	o_return(c, made == LAPSE_NOFD ? -1 : 0, 0);
	(void)add(made);
	if (made != LAPSE_NOFD && c->sides[0].handle >= 0 &&
	    o_all.handles[o_all.handle_count - 1].description !=
	            o_all.handles[c->sides[0].handle].description)
		x_broken("close", "dup gave a handle on another description");
	return made;
}

int o_sysfd(lapse_fd fd)
{
	struct o_call *c = o_begin_on("sysfd", fd, 0, false, 0);
	int r = lapse_sysfd(fd);

	c->child_may = true;
	o_return(c, r, 0);
	if (r >= 0 && c->sides[0].handle >= 0 && r != o_all.handles[c->sides[0].handle].number)
		x_broken("close", "sysfd told the number %d, of another handle", r);
	return r;
}

static int end(lapse_fd fd, enum o_kind kind)
{
	struct o_change *c = o_change_begin(kind, o_handle_of(fd), -1, 0, 0);
	int r = kind == O_CLOSE ? lapse_close(fd) : lapse_release(fd);

	o_change_return(c, r);
	return r;
}

int o_close(lapse_fd fd)
{
	return end(fd, O_CLOSE);
}

int o_release(lapse_fd fd)
{
	return end(fd, O_RELEASE);
}

/* ---- What governs operations ---- */

static int set(lapse_fd fd, int dirs, lapse_time deadline)
{
	struct o_change *c = o_change_begin(O_SET, o_handle_of(fd), -1, dirs, deadline);
	int r;

	if (dirs == LAPSE_READ)
		r = lapse_set_read_deadline(fd, deadline);
	else if (dirs == LAPSE_WRITE)
		r = lapse_set_write_deadline(fd, deadline);
	else
		r = lapse_set_deadline(fd, deadline);
	o_change_return(c, r);
	return r;
}

int o_set_deadline(lapse_fd fd, lapse_time deadline)
{
	return set(fd, LAPSE_READ | LAPSE_WRITE, deadline);
}

int o_set_read_deadline(lapse_fd fd, lapse_time deadline)
{
	return set(fd, LAPSE_READ, deadline);
}

int o_set_write_deadline(lapse_fd fd, lapse_time deadline)
{
	return set(fd, LAPSE_WRITE, deadline);
}

/* Off is written down as a limit that never passes. */
int o_set_idle(lapse_fd fd, int dirs, int64_t ns)
{
	struct o_change *c = o_change_begin(O_IDLE, o_handle_of(fd), -1, dirs,
	                                    ns == 0 ? LAPSE_NEVER : ns);
	int r = lapse_set_idle(fd, dirs, ns);

	o_change_return(c, r);
	return r;
}

int o_cancel(lapse_fd fd, int dirs)
{
	struct o_change *c = o_change_begin(O_CANCEL, o_handle_of(fd), -1, dirs, 0);
	int r = lapse_cancel(fd, dirs);

	o_change_return(c, r);
	return r;
}

/* ---- Scopes ---- */

static int scope_at(const lapse_scope *at)
{
	for (int i = o_all.scope_count - 1; i >= 0; i--)
		if (o_all.scopes[i].at == at && !o_all.scopes[i].left)
			return i;
	x_unfit("oracle: a scope that was not entered");
}

static int scope_of(lapse_scope_id id)
{
	for (int i = 0; i < o_all.scope_count; i++)
		if (o_all.scopes[i].id == id)
			return i;
	x_unfit("oracle: a scope's number that nobody has");
}

static void enter(lapse_scope *scope, lapse_time deadline, bool shield)
{
	struct o_scope *s = &o_all.scopes[o_all.scope_count];

	if (o_all.scope_count == O_SCOPES)
		x_unfit("oracle: more than %d scopes in a run", O_SCOPES);
	*s = (struct o_scope){.at = scope,
	                      .thread = o_acting(),
	                      .outer = o_all.innermost[o_acting()] - 1,
	                      .shield = shield};
	o_all.innermost[o_acting()] = ++o_all.scope_count;
	born(-1, o_all.scope_count - 1, O_SET, deadline);
}

void o_scope_enter(lapse_scope *scope, lapse_time deadline)
{
	enter(scope, deadline, false);
	lapse_scope_enter(scope, deadline);
}

void o_scope_shield(lapse_scope *scope)
{
	enter(scope, LAPSE_NEVER, true);
	lapse_scope_shield(scope);
}

lapse_scope_id o_scope_share(lapse_scope *scope)
{
	int i = scope_at(scope);
	lapse_scope_id id = lapse_scope_share(scope);

	for (int j = 0; j < o_all.scope_count; j++)
		if (j != i && o_all.scopes[j].id == id)
			x_broken("scopes", "the number of another scope is given again");
	o_all.scopes[i].id = id;
	return id;
}

int o_scope_leave(lapse_scope *scope)
{
	int i = scope_at(scope);
	struct o_change *c = o_change_begin(O_LEAVE, -1, i, 0, 0);
	int r = lapse_scope_leave(scope);

	o_all.innermost[o_acting()] = o_all.scopes[i].outer + 1;
	o_change_return(c, r);
	o_all.scopes[i].left = true;
	return r;
}

int o_scope_move(lapse_scope_id id, lapse_time deadline)
{
	struct o_change *c = o_change_begin(O_SET, -1, scope_of(id), 0, deadline);
	int r = lapse_scope_move(id, deadline);

	o_change_return(c, r);
	return r;
}

int o_scope_cancel(lapse_scope_id id)
{
	struct o_change *c = o_change_begin(O_CANCEL, -1, scope_of(id), 0, 0);
	int r = lapse_scope_cancel(id);

	o_change_return(c, r);
	return r;
}
