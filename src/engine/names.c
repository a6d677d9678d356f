/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/names.h"

#include <sys/random.h>

#include "base/str.h"

static const char *const adjectives[] = {
	"amber", "ancient", "arctic", "autumn", "bold", "brave", "bright", "brisk", "calm", "candid", "clear", "clever",
	"coastal", "cosy", "crisp", "curious", "daring", "deep", "distant", "eager", "early", "easy", "faithful", "fearless",
	"fleet", "floating", "fond", "frosty", "gallant", "gentle", "glad", "golden", "grand", "green", "hardy", "hearty",
	"honest", "humble", "icy", "jolly", "keen", "kind", "lively", "lucky", "mellow", "merry", "mighty", "misty", "modest",
	"nimble", "noble", "northern", "patient", "plain", "polar", "polite", "proud", "quick", "quiet", "rapid", "ready",
	"royal", "rugged", "salty", "serene", "sharp", "silent", "silver", "sincere", "smooth", "snowy", "solid", "spry",
	"steady", "still", "stout", "sturdy", "sunny", "swift", "tender", "thrifty", "tidal", "tidy", "tranquil", "trusty",
	"upbeat", "valiant", "vivid", "warm", "watchful", "western", "wise", "witty", "young", "zesty",
};
static const char *const nouns[] = {
	"albatross", "anchor", "auk", "aurora", "bay", "beacon", "beluga", "berg", "boat", "bow", "buoy", "cape", "char",
	"cloud", "cod", "compass", "coral", "cove", "crab", "current", "dolphin", "dory", "drift", "eider", "ferry", "fjord",
	"floe", "fulmar", "gale", "gannet", "glacier", "gull", "halibut", "harbour", "harpoon", "heron", "herring", "hull",
	"inlet", "island", "kayak", "keel", "kelp", "kittiwake", "lagoon", "lantern", "loon", "mast", "moon", "moraine",
	"murre", "narwhal", "net", "oar", "orca", "osprey", "otter", "paddle", "pebble", "petrel", "plover", "pole", "puffin",
	"raft", "reef", "rudder", "sail", "salmon", "sandpiper", "seal", "shoal", "shore", "skerry", "skiff", "skua", "sled",
	"snow", "sound", "spray", "squall", "star", "stern", "storm", "strait", "tern", "tide", "trawler", "trout", "tundra",
	"umiak", "walrus", "wave", "whale", "wharf", "wind",
};

int name_random(unsigned attempt, char **ret, struct error *err)
{
	uint32_t r[3];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		return fail_errno(err, "getrandom");
	const char *a = adjectives[r[0] % ARRAY_LEN(adjectives)], *n = nouns[r[1] % ARRAY_LEN(nouns)];
	return attempt ? str_printf(ret, err, "%s_%s%u", a, n, r[2] % 10000) : str_printf(ret, err, "%s_%s", a, n);
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int name_check(const char *name, struct error *err)
{
	const char *s = name;

	while (is_alnum(*s) || (s != name && (*s == '_' || *s == '.' || *s == '-')))
		s++;
	if (*s || s == name)
		return fail(err, ERROR_INVALID, "names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
	return 0;
}
