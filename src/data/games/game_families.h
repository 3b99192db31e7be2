// Games as families of items: which position is played against whom, drawn by seed and dials as tasks are
// (data/tasks/task.h). An item's steps are the model's turns of a game that dial `player` played, its answer is all of
// them with commas between; its meta is all that Match needs, and how that game ended ("par").
//
// A completion judged without a model answers with all its turns at once: right when they end the game at least as well
// as the worked one. A step is right when it keeps what the position is worth, wrong when it is illegal or throws that
// away, none when the game is too large to solve.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/tasks/task.h"
#include "reward/reward.h"

namespace r1::games {

const std::vector<tasks::TaskFamily>& game_families();
// Throws r1::UsageError with the nearest name.
const tasks::TaskFamily& find_game(const std::string& name);
// A task or a game by name.
const tasks::TaskFamily& find_task_or_game(const std::string& name);
bool is_game(const tasks::TaskFamily& family);

// For training: the prompt, or (with_solution) the whole worked game as messages. The row carries "game" (the meta).
DataRow row_of(const tasks::TaskItem& item, bool with_solution);
// Items with the same key are one and the same.
std::string same_item_key(const tasks::TaskItem& item);

// Reward `game`: the verdict of the episode that the rollout put into the row (environment.h).
std::unique_ptr<Reward> make_game_reward();

}  // namespace r1::games
