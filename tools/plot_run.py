#!/usr/bin/env python3
"""Draws a run's metrics.jsonl as one SVG: training reward (a step and its running mean) and held-out accuracy with
its 95 % intervals. Standard library only.   tools/plot_run.py RUN/metrics.jsonl OUT.svg "title" """
import json
import sys

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 360, 60, 44, 20, 50


def read(path):
    reward, held_out = [], []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if "eval_accuracy" in row:
                held_out.append((row["step"], row["eval_accuracy"], *row["eval_ci95"]))
            elif "reward" in row:
                reward.append((row["step"], row["reward"]))
    return reward, held_out


def running_mean(points, window):
    out = []
    for i in range(len(points)):
        part = points[max(0, i - window + 1):i + 1]
        out.append((points[i][0], sum(v for _, v in part) / len(part)))
    return out


def draw(reward, held_out, title):
    last = max(step for step, *_ in reward + held_out) or 1
    x = lambda step: LEFT + (WIDTH - LEFT - RIGHT) * step / last
    y = lambda share: TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)
    line = lambda points: " ".join(f"{x(s):.1f},{y(v):.1f}" for s, v in points)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           f'<text x="{LEFT}" y="24" font-size="16" fill="#111">{title}</text>']
    for share in (0, 0.2, 0.4, 0.6, 0.8, 1):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(share):.1f}" y2="{y(share):.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y(share) + 4:.1f}" text-anchor="end" fill="#444">{share * 100:.0f} %</text>')
    for i in range(6):
        step = round(last * i / 5)
        out.append(f'<text x="{x(step):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle" fill="#444">{step}</text>')
    out.append(f'<text x="{LEFT}" y="{HEIGHT - 10}" fill="#444">optimiser step</text>')
    out.append(f'<polyline points="{line(reward)}" fill="none" stroke="#b7cbe8"/>')
    out.append(f'<polyline points="{line(running_mean(reward, 10))}" fill="none" stroke="#2b6cb0" stroke-width="2"/>')
    for step, share, low, high in held_out:
        out.append(f'<line x1="{x(step):.1f}" x2="{x(step):.1f}" y1="{y(low):.1f}" y2="{y(high):.1f}" stroke="#c05621" stroke-width="2"/>')
        out.append(f'<circle cx="{x(step):.1f}" cy="{y(share):.1f}" r="4.5" fill="#c05621"/>')
    out.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 10}" text-anchor="end"><tspan fill="#2b6cb0">reward, mean of 10 steps</tspan>'
               '<tspan fill="#c05621" dx="12">held out, greedy, 95 %</tspan></text></svg>')
    return "\n".join(out) + "\n"


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    reward, held_out = read(sys.argv[1])
    if not reward:
        sys.exit(f"{sys.argv[1]}: holds no rewards")
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(draw(reward, held_out, sys.argv[3]))


if __name__ == "__main__":
    main()
