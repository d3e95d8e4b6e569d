/** NixFleet's mark. */
export function Mark() {
  return (
    <svg
      width="20"
      height="20"
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d="M3 4.5 7.5 10 3 15.5" />
      <path d="M9 4.5h4.2L17.5 10l-4.3 5.5H9" className="stroke-accent-fill" />
    </svg>
  );
}
