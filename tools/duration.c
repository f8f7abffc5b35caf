/* Reads durations ("1m30s") and times of day ("23:30"). Pure: text in, number out; integers only, so
 * that what is written is what is waited. */
#include "duration.h"

#include <lapse.h>

#include <stdbool.h>
#include <string.h>

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{"us", LAPSE_US},    {"ms", LAPSE_MS},      {"s", LAPSE_S},
	{"m", 60 * LAPSE_S}, {"h", 3600 * LAPSE_S},
};

/* "12.34" is 1234 with scale 100. */
struct decimal {
	int64_t digits;
	int64_t scale;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Moves *text behind the number. */
static const char *decimal_parse(const char **text, struct decimal *number)
{
	const char *at = *text;
	bool any = false, point = false;

	*number = (struct decimal){0, 1};
	for (; is_digit(*at) || (*at == '.' && !point); at++) {
		if (*at == '.') {
			point = true;
			continue;
		}
		any = true;
		if (__builtin_mul_overflow(number->digits, 10, &number->digits) ||
		    __builtin_add_overflow(number->digits, *at - '0', &number->digits) ||
		    (point && __builtin_mul_overflow(number->scale, 10, &number->scale)))
			return "it has too many digits";
	}
	if (!any)
		return *at == '-' ? "it is negative" : "it is not a number and a unit";
	*text = at;
	return NULL;
}

/* Moves *text behind the unit; NULL if there is none. */
static const struct unit *unit_parse(const char **text)
{
	size_t length = strcspn(*text, "0123456789.");

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (strlen(units[i].name) == length && !memcmp(units[i].name, *text, length)) {
			*text += length;
			return &units[i];
		}
	}
	return NULL;
}

const char *duration_parse(const char *text, int64_t *ns)
{
	static const struct unit bare = {"", LAPSE_S};
	bool first = true;

	*ns = 0;
	do {
		struct decimal number;
		const char *wrong = decimal_parse(&text, &number);
		if (wrong)
			return wrong;
		const struct unit *unit = first && !*text ? &bare : unit_parse(&text);
		if (!unit)
			return "its units are us, ms, s, m and h";
		/* Rounded up: what is more than nothing must not become nothing. */
		__int128 part = ((__int128)number.digits * unit->ns + number.scale - 1) /
		                number.scale;
		if (part > INT64_MAX || __builtin_add_overflow(*ns, (int64_t)part, ns))
			return "it is longer than 292 years";
		first = false;
	} while (*text);
	return *ns > 0 ? NULL : "it must be more than zero";
}

/* What the format does not say is as in *base. */
static bool matches(const char *text, const char *format, const struct tm *base, struct tm *tm)
{
	*tm = *base;
	const char *end = strptime(text, format, tm);
	return end && !*end;
}

const char *wall_time_parse(const char *text, time_t now, time_t *when)
{
	struct tm day, tm;
	localtime_r(&now, &day);
	day.tm_sec = 0;
	day.tm_isdst = -1;

	if (matches(text, "%H:%M", &day, &tm) || matches(text, "%H:%M:%S", &day, &tm)) {
		struct tm tomorrow = tm;
		*when = mktime(&tm);
		if (*when > now)
			return NULL;
		tomorrow.tm_mday++;
		*when = mktime(&tomorrow);
		return NULL;
	}
	if (!matches(text, "%Y-%m-%dT%H:%M", &day, &tm) &&
	    !matches(text, "%Y-%m-%dT%H:%M:%S", &day, &tm))
		return "it is not HH:MM[:SS] or YYYY-MM-DDTHH:MM[:SS]";
	int month_day = tm.tm_mday;
	*when = mktime(&tm);
	return tm.tm_mday == month_day ? NULL : "there is no such day";
}
