#include "data/tasks/vocabulary.h"

namespace r1::tasks {

const std::vector<std::string>& plain_words() {
  static const std::vector<std::string> words = {
      "acorn",  "amber",  "anchor", "apple",  "apron",  "arrow",  "badge",  "baker",  "bamboo", "barn",   "basin",
      "basket", "beach",  "bell",   "berry",  "bird",   "boat",   "bottle", "branch", "bread",  "bridge", "brush",
      "bucket", "butter", "button", "cabin",  "cactus", "camel",  "candle", "canoe",  "carpet", "castle", "cedar",
      "chalk",  "cheese", "cherry", "clock",  "cloud",  "clover", "copper", "coral",  "corner", "cotton", "crane",
      "cup",    "daisy",  "desk",   "dove",   "drum",   "eagle",  "ember",  "engine", "falcon", "farm",   "feather",
      "fence",  "fern",   "field",  "flute",  "forest", "fox",    "garden", "garlic", "glass",  "glove",  "goat",
      "grape",  "hammer", "harbor", "hazel",  "hill",   "honey",  "horse",  "island", "ivory",  "jacket", "jar",
      "jungle", "kettle", "kite",   "ladder", "lake",   "lamp",   "leaf",   "lemon",  "lily",   "maple",  "marble",
      "market", "meadow", "melon",  "mirror", "moss",   "needle", "nest",   "oak",    "ocean",  "olive",  "onion",
      "orchid", "otter",  "oven",   "paper",  "pear",   "pebble", "pencil", "piano",  "pillow", "plum",   "pond",
      "quartz", "quilt",  "rabbit", "raven",  "ribbon", "river",  "rope",   "saddle", "salt",   "seed",   "shell",
      "silver", "spoon",  "spruce", "stone",  "table",  "tiger",  "tulip",  "tunnel", "turtle", "valley", "velvet",
      "violin", "wagon",  "walnut", "water",  "wheel",  "willow", "window", "wolf",   "wool",   "zebra"};
  return words;
}

const std::vector<std::string>& first_names() {
  static const std::vector<std::string> names = {"Ada",  "Ben",  "Clara", "David", "Emma", "Felix",
                                                 "Gina", "Hugo", "Ivy",   "Jonas", "Kate", "Leo"};
  return names;
}

}  // namespace r1::tasks
