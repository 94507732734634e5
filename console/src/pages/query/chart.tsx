/** A first look at a result as a chart; a flashboard draws the good one. */
import { Group, Paper, Select, Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useMemo } from "react";
import { type Column, isNumber, type Rows, textOfCell } from "~/shared/grid/grid";
import classes from "./chart.module.css";

export type ChartChoice = { type: "bar" | "line" | "point"; x: string; y: string };

const HIGH = 300;
const LEFT = 64;
const BELOW = 46;
const TOP = 10;
const MOST_BARS = 200;

const isTime = (type: string): boolean => /DATE|TIME/i.test(type);

/** The first column that counts nothing across, the first number up. */
export function chosenFor(columns: Column[]): ChartChoice {
  const y =
    columns.find((each, index) => index > 0 && isNumber(each.type)) ?? columns.find((each) => isNumber(each.type));
  const x = columns.find((each) => each !== y) ?? columns[0];
  return { type: x && isTime(x.type) ? "line" : "bar", x: x?.name ?? "", y: y?.name ?? "" };
}

type Props = { columns: Column[]; rows: Rows; choice: ChartChoice; change: (choice: ChartChoice) => void };

export function Chart({ columns, rows, choice, change }: Props) {
  const names = columns.map((each) => each.name);
  const numbers = columns.filter((each) => isNumber(each.type)).map((each) => each.name);
  return (
    <Paper withBorder p="md">
      <Group gap="xs" mb="sm">
        <Select
          size="xs"
          label="Chart"
          w={120}
          allowDeselect={false}
          data={[
            { value: "bar", label: "Bars" },
            { value: "line", label: "Line" },
            { value: "point", label: "Points" },
          ]}
          value={choice.type}
          onChange={(type) => change({ ...choice, type: type as ChartChoice["type"] })}
        />
        <Select
          size="xs"
          label="Across"
          w={170}
          searchable
          allowDeselect={false}
          data={names}
          value={choice.x}
          onChange={(x) => x && change({ ...choice, x })}
        />
        <Select
          size="xs"
          label="Up"
          w={170}
          searchable
          allowDeselect={false}
          data={numbers}
          value={choice.y || null}
          onChange={(y) => y && change({ ...choice, y })}
        />
      </Group>
      {choice.y ? (
        <Drawing columns={columns} rows={rows} choice={choice} />
      ) : (
        <Text size="sm" c="dimmed">
          The result has no column of numbers. Count or add something up: SELECT status, count(*) … GROUP BY status.
        </Text>
      )}
    </Paper>
  );
}

type Point = { label: string; at: number; value: number };

function pointsOf(columns: Column[], rows: Rows, choice: ChartChoice): { points: Point[]; scaled: boolean } {
  const type = columns.find((each) => each.name === choice.x)?.type ?? "";
  const scaled = choice.type !== "bar" && (isNumber(type) || isTime(type));
  const points = rows.flatMap((row, index): Point[] => {
    const value = Number(row[choice.y] ?? Number.NaN);
    const x = row[choice.x];
    const at = !scaled ? index : isTime(type) ? Date.parse(String(x)) : Number(x ?? Number.NaN);
    return Number.isFinite(value) && Number.isFinite(at) ? [{ label: textOfCell(x) || "NULL", at, value }] : [];
  });
  return { points: scaled ? points.sort((a, b) => a.at - b.at) : points, scaled };
}

/** Steps of an axis that people like: 1, 2 or 5 of a power of ten. */
function steps(low: number, high: number): number[] {
  const rough = (high - low || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10) * power;
  const first = Math.floor(low / step) * step;
  const count = Math.ceil((high - first) / step);
  return Array.from({ length: count + 1 }, (_, index) => Number((first + index * step).toPrecision(12)));
}

const SHORT = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 2 });

function Drawing({ columns, rows, choice }: Omit<Props, "change">) {
  const { ref, width } = useElementSize();
  const all = useMemo(() => pointsOf(columns, rows, choice), [columns, rows, choice]);
  const points = choice.type === "bar" ? all.points.slice(0, MOST_BARS) : all.points;
  const values = points.map((each) => each.value);
  const ticks = steps(Math.min(0, ...values), Math.max(0, ...values));
  const [low, high] = [ticks[0] ?? 0, ticks.at(-1) ?? 1];
  const [first, last] = [points[0]?.at ?? 0, points.at(-1)?.at ?? 1];
  const wide = Math.max(100, width - LEFT - 12);
  const tall = HIGH - TOP - BELOW;
  const y = (value: number): number => TOP + tall * (1 - (value - low) / (high - low || 1));
  const x = (point: Point, index: number): number =>
    LEFT +
    (all.scaled ? (last === first ? 0.5 : (point.at - first) / (last - first)) : (index + 0.5) / points.length) * wide;
  const every = Math.max(1, Math.ceil(points.length / Math.max(2, Math.floor(wide / 90))));
  const told = `${choice.y} by ${choice.x}: ${points.length} values, from ${Math.min(...values)} to ${Math.max(...values)}`;
  return (
    <div ref={ref}>
      <svg width="100%" height={HIGH} role="img" aria-label={told}>
        {ticks.map((tick) => (
          <g key={tick}>
            <line x1={LEFT} x2={LEFT + wide} y1={y(tick)} y2={y(tick)} className={classes.grid} />
            <text x={LEFT - 8} y={y(tick) + 4} textAnchor="end" className={classes.tick}>
              {SHORT.format(tick)}
            </text>
          </g>
        ))}
        <Marks type={choice.type} points={points} x={x} y={y} wide={wide / Math.max(1, points.length)} />
        {points.map(
          (point, index) =>
            index % every === 0 && (
              <text key={index} x={x(point, index)} y={HIGH - BELOW + 18} textAnchor="middle" className={classes.tick}>
                {point.label.length > 12 ? `${point.label.slice(0, 11)}…` : point.label}
              </text>
            ),
        )}
        <text x={LEFT + wide / 2} y={HIGH - 6} textAnchor="middle" className={classes.tick}>
          {choice.x}
        </text>
      </svg>
      {choice.type === "bar" && all.points.length > MOST_BARS && (
        <Text size="xs" c="dimmed">
          The first {MOST_BARS} of {all.points.length} bars.
        </Text>
      )}
    </div>
  );
}

type MarksProps = {
  type: ChartChoice["type"];
  points: Point[];
  x: (point: Point, index: number) => number;
  y: (value: number) => number;
  wide: number;
};

function Marks({ type, points, x, y, wide }: MarksProps) {
  const title = (point: Point): string => `${point.label}: ${point.value.toLocaleString()}`;
  if (type === "line") {
    const path = points.map(
      (point, index) => `${index ? "L" : "M"}${x(point, index).toFixed(1)} ${y(point.value).toFixed(1)}`,
    );
    return <path d={path.join(" ")} className={classes.line} />;
  }
  return points.map((point, index) =>
    type === "point" ? (
      <circle key={index} cx={x(point, index)} cy={y(point.value)} r={3.5} className={classes.mark}>
        <title>{title(point)}</title>
      </circle>
    ) : (
      <rect
        key={index}
        x={x(point, index) - Math.max(1, wide * 0.4)}
        width={Math.max(2, wide * 0.8)}
        y={Math.min(y(0), y(point.value))}
        height={Math.max(1, Math.abs(y(0) - y(point.value)))}
        className={classes.mark}
      >
        <title>{title(point)}</title>
      </rect>
    ),
  );
}
