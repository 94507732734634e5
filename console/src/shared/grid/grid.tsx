/** Rows of a table as text: only what is seen is drawn, so that 500 columns and 1,000 rows cost what a screen costs. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import classes from "./grid.module.css";

export type Column = { name: string; type: string };
export type Rows = Record<string, unknown>[];

const ROW = 32;
const SAMPLE = 50;

export const textOfCell = (value: unknown): string =>
  value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);

const widthOf = (column: Column, rows: Rows): number => {
  const lengths = rows.slice(0, SAMPLE).map((row) => textOfCell(row[column.name]).length);
  return Math.min(340, Math.max(90, 24 + 7.6 * Math.max(column.name.length + 2, column.type.length, ...lengths)));
};

export const isNumber = (type: string): boolean => /INT|DECIMAL|DOUBLE|FLOAT|REAL|NUMERIC/i.test(type);

export function Grid({ columns, rows, label }: { columns: Column[]; rows: Rows; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const widths = useMemo(() => columns.map((column) => widthOf(column, rows)), [columns, rows]);
  const down = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 8,
  });
  const across = useVirtualizer({
    horizontal: true,
    count: columns.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => widths[index] ?? 120,
    overscan: 3,
  });
  const seen = across.getVirtualItems();
  const place = (start: number, size: number) => ({ transform: `translateX(${start}px)`, width: size });
  return (
    <div
      ref={box}
      className={classes.box}
      role="table"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      tabIndex={0}
      style={{ height: Math.min(480, (rows.length + 1) * ROW + 36) }}
    >
      <div role="rowgroup" className={classes.head} style={{ width: across.getTotalSize() }}>
        {/* biome-ignore lint/a11y/useFocusableInteractive: it is read, not pressed */}
        <div role="row" aria-rowindex={1}>
          {seen.map(({ index, start, size }) => (
            // biome-ignore lint/a11y/useFocusableInteractive: it is read, not pressed
            <div
              key={index}
              role="columnheader"
              aria-colindex={index + 1}
              className={classes.title}
              style={place(start, size)}
              title={`${columns[index]?.name}: ${columns[index]?.type}`}
            >
              {columns[index]?.name}
              <span className={classes.type}>{columns[index]?.type}</span>
            </div>
          ))}
        </div>
      </div>
      <div
        role="rowgroup"
        className={classes.body}
        style={{ height: down.getTotalSize(), width: across.getTotalSize() }}
      >
        {down.getVirtualItems().map((line) => (
          // biome-ignore lint/a11y/useFocusableInteractive: it is read, not pressed
          <div
            key={line.index}
            role="row"
            aria-rowindex={line.index + 2}
            className={classes.row}
            style={{ transform: `translateY(${line.start}px)`, height: ROW }}
          >
            {seen.map(({ index, start, size }) => {
              const column = columns[index] as Column;
              const value = rows[line.index]?.[column.name];
              return (
                <div
                  key={index}
                  role="cell"
                  aria-colindex={index + 1}
                  className={classes.cell}
                  data-number={isNumber(column.type) || undefined}
                  data-null={value === null || undefined}
                  style={place(start, size)}
                  title={textOfCell(value)}
                >
                  {value === null ? "NULL" : textOfCell(value)}
                </div>
              );
            })}
          </div>
        ))}
      </div>
    </div>
  );
}
